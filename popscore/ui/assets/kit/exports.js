// Originals leave the page only on the person's own machine: into a ZIP, a folder, or another app of the phone.

(() => {
  let zip = null; // promise of the library
  const library = () => {
    zip ??= import(URL.createObjectURL(new Blob([window.popscore.zipModule], {type: 'text/javascript'})));
    return zip;
  };

  // Names as in the ZIP of the command line: the rank, then the name.
  function named(photos) {
    const digits = Math.max(2, ...photos.map((photo) => String(photo.result.rank).length));
    const used = new Map();
    return photos.map((photo) => {
      const rank = String(photo.result.rank).padStart(digits, '0');
      const name = photo.name.replace(/[\\/:*?"<>|\u0000-\u001f\u007f]/g, '_').replace(/^\.+/, '_').slice(-180);
      const again = (used.get(`${rank}_${name}`) || 0) + 1;
      used.set(`${rank}_${name}`, again);
      return {name: again === 1 ? `${rank}_${name}` : `${rank}_${again}_${name}`, input: photo.file, lastModified: new Date(photo.modified || Date.now())};
    });
  }

  function give(blob, name) {
    const link = window.popscore.make('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  window.popscore.exports = {
    // Photos whose originals are not here; they are needed again after a reload.
    missing: (photos) => photos.filter((photo) => !photo.file),

    // Reads each original once before anything is given out: one that is gone from the disk ends it with its name.
    async zip(photos, name, progress) {
      const {makeZip} = await library();
      const files = named(photos);
      let done = 0;
      async function* each() {
        for (const file of files) {
          yield file;
          progress(done += 1, files.length);
        }
      }
      give(await new Response(makeZip(each(), {buffersAreUTF8: true})).blob(), name);
    },

    canCopy: () => Boolean(window.showDirectoryPicker),
    async copy(photos, progress) {
      const folder = await window.showDirectoryPicker({mode: 'readwrite'});
      let done = 0;
      for (const {name, input} of named(photos)) {
        const target = await (await folder.getFileHandle(name, {create: true})).createWritable();
        await input.stream().pipeTo(target);
        progress(done += 1, photos.length);
      }
      return folder.name;
    },

    canShare: (photos) => Boolean(photos.length && photos.every((photo) => photo.file) && navigator.canShare?.({files: photos.map((photo) => photo.file)})),
    share: (photos) => navigator.share({files: photos.map((photo) => photo.file)}),
  };
})();
