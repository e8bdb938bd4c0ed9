// Files that come in: dropped, also as folders, or pasted, anywhere on the page. They open where they belong: one photo
// in Score, more in Rank, a video in Video; a tab that is in sight and can take them keeps them.

(() => {
  const PHOTO = /\.(jpe?g|jpe|jfif|png|webp|avif|gif|bmp|tiff?|heic|heif|hif)$/i;
  const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|mts|m2ts|3gp|ogv|wmv|flv)$/i;
  const takers = []; // {element, kind, tab, most, take, area, leave}

  const isPhoto = (file) => PHOTO.test(file.name) || (/^image\/(?!svg)/.test(file.type) && !VIDEO.test(file.name));
  const isVideo = (file) => VIDEO.test(file.name) || file.type.startsWith('video/');

  async function inFolders(entries) {
    const files = [];
    const walk = async (entry) => {
      if (entry.isFile) files.push(await new Promise((done, fail) => entry.file(done, fail)));
      if (!entry.isDirectory) return;
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, fail) => reader.readEntries(done, fail));
        if (!some.length) break;
        for (const inner of some) await walk(inner);
      }
    };
    for (const entry of entries) await walk(entry).catch(() => {}); // one that cannot be read does not stop the others
    return files;
  }

  async function dropped(transfer) {
    const entries = [...(transfer?.items || [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    return entries.some((entry) => entry.isDirectory) ? inFolders(entries) : [...(transfer?.files || [])];
  }

  const inSight = (taker) => taker.element.isConnected && taker.element.checkVisibility();
  const tabOf = (name) => [...document.querySelectorAll('[role=tab]')].find((tab) => tab.textContent.trim() === name);

  function openTab(name) {
    const tab = tabOf(name);
    if (tab && tab.getAttribute('aria-selected') !== 'true') tab.click();
  }

  // Who gets these files: the tab in sight if it can, else the first that can.
  function takerOf(files) {
    const kind = files.some(isPhoto) ? 'image' : files.some(isVideo) ? 'video' : null;
    const fits = takers.filter((taker) => taker.kind === kind && files.filter(isPhoto).length <= taker.most);
    return fits.find(inSight) || fits.at(-1) || takers.find(inSight) || null;
  }

  function give(files) {
    if (!files.length) return;
    const taker = takerOf(files);
    if (!taker) return;
    openTab(taker.tab);
    taker.take(files);
  }

  const light = (on) => {
    for (const {area} of takers) area?.classList.toggle('ps-over', on);
  };
  document.addEventListener('paste', (event) => {
    if (event.target.matches?.('input, textarea')) return;
    const files = [...(event.clipboardData?.files || [])].filter((file) => isPhoto(file) || isVideo(file));
    const taker = files.length ? takerOf(files) : null;
    if (!taker || taker.leave?.(event, files)) return;
    event.preventDefault();
    give(files);
  });
  document.addEventListener('dragover', (event) => {
    if (!takers.length || ![...(event.dataTransfer?.types || [])].includes('Files')) return;
    event.preventDefault();
    light(true);
  });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) light(false); });
  // Before Gradio's own areas, which take one file of many in silence and refuse what they do not know.
  document.addEventListener('drop', async (event) => {
    light(false);
    const first = [...(event.dataTransfer?.files || [])];
    if (!first.length || takers.some((taker) => inSight(taker) && taker.leave?.(event, first))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    give(await dropped(event.dataTransfer));
  }, true);

  // Which tab was open; a page that is loaded again opens it.
  document.addEventListener('click', (event) => {
    const tab = event.target.closest?.('[role=tab]');
    if (tab) try { sessionStorage.setItem('popscore tab', tab.textContent.trim()); } catch { /* not kept */ }
  });
  // The arrow keys lead from tab to tab.
  document.addEventListener('keydown', (event) => {
    const tab = event.target.closest?.('[role=tab]');
    const by = {ArrowRight: 1, ArrowLeft: -1, Home: -99, End: 99}[event.key];
    if (!tab || !by) return;
    const tabs = [...tab.closest('[role=tablist]').querySelectorAll('[role=tab]')];
    const to = tabs[Math.abs(by) > 1 ? (by < 0 ? 0 : tabs.length - 1) : (tabs.indexOf(tab) + by + tabs.length) % tabs.length];
    event.preventDefault();
    to.click();
    to.focus();
  });

  Object.assign(window.popscore, {
    isPhoto, isVideo, openTab,
    lastTab() {
      try { return sessionStorage.getItem('popscore tab'); } catch { return null; }
    },

    // `take` gets the files: photos or videos by `kind`, at most `most` photos. `element` is in the tab called `tab`;
    // `area` lights up; a drop for which `leave` answers true is left to Gradio.
    takeFiles({element, kind, tab, take, most = Infinity, area = null, leave = null}) {
      takers.push({element, kind, tab, take, most, area, leave});
    },
  });
})();
