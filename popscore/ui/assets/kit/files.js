// Files that come in: dropped, also as folders, or pasted, anywhere on the page while a tab is in sight.

(() => {
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
    for (const entry of entries) await walk(entry);
    return files;
  }

  // What was dropped. Of folders only what may be of the kind wanted: they hold other things too.
  async function dropped(transfer, mayBe) {
    const entries = [...(transfer?.items || [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...(transfer?.files || [])];
    return (await inFolders(entries)).filter(mayBe);
  }

  Object.assign(window.popscore, {
    mayBe: (kind) => (file) => !file.type || file.type.startsWith(`${kind}/`),

    // `take` gets the files. `element` is in the tab, which takes files while it is in sight; `area` lights up;
    // a drop for which `leave` answers true is left to others.
    takeFiles({element, kind, take, area = null, leave = () => false}) {
      const mine = () => element.isConnected && element.checkVisibility();
      const light = (on) => area?.classList.toggle('ps-over', on);
      document.addEventListener('paste', (event) => {
        if (!mine() || event.target.matches?.('input, textarea')) return;
        const files = [...(event.clipboardData?.files || [])].filter((file) => file.type.startsWith(`${kind}/`));
        if (!files.length) return;
        event.preventDefault();
        take(files);
      });
      document.addEventListener('dragover', (event) => {
        if (!mine()) return;
        event.preventDefault();
        light(true);
      });
      document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) light(false); });
      document.addEventListener('drop', async (event) => {
        light(false);
        if (!mine() || event.defaultPrevented || leave(event)) return;
        event.preventDefault();
        const files = await dropped(event.dataTransfer, window.popscore.mayBe(kind));
        if (files.length) take(files);
      });
    },

    // Upload files, a few at a time, until `stopped()`. Gives what arrived, [{id, name}], and what did not.
    async uploadAll(files, upload, {stopped = () => false, progress = () => {}} = {}) {
      const queue = [...files];
      const sent = [];
      const lost = [];
      const carry = async () => {
        for (let file = queue.shift(); file && !stopped(); file = queue.shift()) {
          try {
            sent.push({id: (await upload(file)).path, name: file.name});
          } catch (error) {
            lost.push({file: file.name, message: `${file.name} did not arrive. Check the connection and add it again.`});
          }
          progress(sent.length + lost.length, files.length);
        }
      };
      await Promise.all([carry(), carry(), carry(), carry()]);
      return {sent, lost};
    },
  });
})();
