// Files that come in: dropped, also as folders, or pasted, anywhere on the page. They open where they belong: one photo
// in Score, more in Rank, a video in Video; a tab that is in sight and can take them keeps them.

(() => {
  const PHOTO = /\.(jpe?g|jpe|jfif|png|webp|avif|gif|bmp|tiff?|heic|heif|hif)$/i;
  const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|mts|m2ts|3gp|ogv|wmv|flv)$/i;
  const RAW = /\.(3fr|arw|cr2|cr3|dng|erf|fff|iiq|kdc|mef|mos|mrw|nef|nrw|orf|pef|raf|raw|rw2|rwl|sr2|srf|srw|x3f)$/i;
  const BANK = /\.bank$/i;
  let takeBank = null; // what takes a memory bank, in whatever tab
  const takers = []; // {element, kind, tab, take, area, leave}

  const isRaw = (file) => RAW.test(file.name);
  const isPhoto = (file) => PHOTO.test(file.name) || (/^image\/(?!svg)/.test(file.type) && !VIDEO.test(file.name) && !isRaw(file));
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

  // Opens a tab as soon as it is there: Gradio makes them one by one, and what is in them when they are first opened.
  async function openTab(name) {
    for (let tries = 0; tries < 200; tries += 1) {
      const tab = tabOf(name);
      if (tab?.getAttribute('aria-selected') === 'true') return;
      tab?.click();
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  // Where files belong: a video in Video, several photos in Rank, one photo in the tab in sight if that takes photos.
  function placeOf(files) {
    const here = takers.find(inSight);
    const photos = files.filter(isPhoto).length;
    if (photos > 1) return 'Rank';
    if (photos) return here?.kind === 'image' ? here.tab : 'Score';
    return files.some(isVideo) ? 'Video' : here?.tab || null;
  }

  async function give(given) {
    const bank = takeBank && given.find((file) => BANK.test(file.name));
    if (bank) takeBank(bank);
    const files = bank ? given.filter((file) => !BANK.test(file.name)) : given;
    const place = files.length ? placeOf(files) : null;
    if (!place) return;
    openTab(place);
    for (let tries = 0; tries < 200; tries += 1) {
      const taker = takers.find((one) => one.tab === place && one.element.isConnected);
      if (taker) {
        taker.take(files);
        return;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  const light = (on) => {
    for (const {area} of takers) area?.classList.toggle('ps-over', on);
  };
  document.addEventListener('paste', (event) => {
    if (event.target.matches?.('input, textarea')) return;
    const files = [...(event.clipboardData?.files || [])].filter((file) => isPhoto(file) || isVideo(file));
    if (!files.length || !placeOf(files)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    give(files);
  }, true);
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

  // Which tab was open; a page that is loaded again, or the next day, opens it.
  document.addEventListener('click', (event) => {
    const tab = event.target.closest?.('[role=tab]');
    if (tab) try { localStorage.setItem('popscore tab', tab.textContent.trim()); } catch { /* not kept */ }
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

  const last = () => {
    try { return localStorage.getItem('popscore tab'); } catch { return null; }
  };
  if (last() && last() !== 'Score') openTab(last());

  Object.assign(window.popscore, {
    isPhoto, isVideo, isRaw,
    takeBanks(take) { takeBank = take; },

    // `take` gets the files: photos or videos by `kind`. `element` is in the tab called `tab`; `area` lights up; a drop
    // for which `leave` answers true is left to Gradio.
    takeFiles({element, kind, tab, take, area = null, leave = null}) {
      takers.push({element, kind, tab, take, area, leave});
    },
  });
})();
