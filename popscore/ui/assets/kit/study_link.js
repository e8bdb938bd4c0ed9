// An address that ends in #study opens the Study tab: it can be sent to the people of a study. Before files.js, which
// opens the tab that is noted here.
if (location.hash === '#study') try { localStorage.setItem('popscore tab', 'Study'); } catch { /* not kept */ }
