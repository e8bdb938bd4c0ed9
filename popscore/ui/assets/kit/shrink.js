// Photos made smaller in the browser, before they are uploaded: the model looks at few of their pixels.
//
// popscore.shrinker({shortSide}).shrink(file) always answers, and never fails:
//   {whole: false, file, width, height, taken, small}: upload `file`, a JPEG, in place of the photo;
//   {whole: true, reason, width, height, taken, small, file}: upload the photo as it is. The four before the last are
//     there if the browser can show the photo the right way up; `file` is there for a JPEG: the same pixels, without
//     the place and all else that the camera wrote but time and way up. Upload it in place of the photo.
// `width` and `height` are the photo's own, upright. `taken` is EXIF's DateTimeOriginal, with a point and
// SubSecTimeOriginal if there is one, or null; it stands in the JPEG too, and nothing else of EXIF does. `small` is a
// JPEG for a card. Colour profiles are not applied, and what is transparent becomes white: as on the server.

(() => {
  // --- in the worker -----------------------------------------------------------------------------
  // Its text is sent to the workers, so it uses nothing from outside.

  function inWorker() {
    const SMALL_SIDE = 360; // the longer side of what a card shows
    const SMALL_QUALITY = 0.8;
    const SMALL_ENOUGH = 200_000; // bytes; about what a photo made smaller has
    const FEW_PIXELS_ENOUGH = 2_000_000; // of a photo that has no pixel too many: saving it again moves its score
    const WORTH_IT = 0.7; // of the bytes: for a smaller gain the photo's pixels stay as they are
    const MOST_PIXELS = 64e6; // a bitmap takes 4 bytes a pixel, and there are two at a time
    const HEAD = 256 * 1024;
    const MOST_EXIF = 64 * 1024;
    const MOST_STEPS = 500;
    const MOST_READS = 64;

    // --- what the file says ------------------------------------------------------------------------
    // Nothing is believed but what lies in the file. A read behind its end gives no bytes, and no bytes are zero.

    const number = (bytes, at, length, little = false) => {
      let value = 0;
      for (let i = 0; i < length; i += 1) value = value * 256 + (bytes[at + (little ? length - 1 - i : i)] || 0);
      return value;
    };
    const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));

    // Gives bytes of a file: from its beginning, which is read once, or else by one of a few reads.
    async function reader(file) {
      const bytesOf = async (from, length) => new Uint8Array(await file.slice(from, from + length).arrayBuffer());
      const head = await bytesOf(0, HEAD);
      let reads = 0;
      return async (at, length) => {
        if (at + length <= head.length || head.length === file.size) return head.subarray(at, at + length);
        reads += 1;
        return reads > MOST_READS ? new Uint8Array(0) : bytesOf(at, Math.min(length, MOST_EXIF));
      };
    }

    async function jpegFacts(read) {
      const found = {kind: 'JPEG', exif: null};
      let at = 2;
      for (let step = 0; step < MOST_STEPS; step += 1) {
        const start = await read(at, 10);
        const marker = start[1];
        if (start[0] !== 0xff || marker === undefined) break;
        const alone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
        const length = number(start, 2, 2);
        if (marker === 0xff) at += 1;
        else if (alone) at += 2;
        else if (marker === 0xda || marker === 0xd9 || length < 2) break;
        else {
          const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
          if (isFrame) {
            Object.assign(found, {height: number(start, 5, 2), width: number(start, 7, 2)});
            found.colours = number(await read(at + 9, 1), 0, 1);
          }
          if (marker === 0xe1 && !found.exif && text(start, 4, 6) === 'Exif\0\0') {
            found.exif = await read(at + 10, length - 8);
          }
          at += 2 + length;
        }
      }
      return found;
    }

    async function pngFacts(read, start) {
      const found = {kind: 'PNG', exif: null, width: number(start, 16, 4), height: number(start, 20, 4)};
      let at = 8;
      for (let step = 0; step < MOST_STEPS; step += 1) {
        const chunk = await read(at, 8);
        const name = text(chunk, 4, 4);
        const length = number(chunk, 0, 4);
        if (name.length < 4 || name === 'IEND') break;
        if (name === 'acTL') found.moves = true;
        if (name === 'eXIf' && !found.exif) found.exif = await read(at + 8, length);
        at += 12 + length;
      }
      return found;
    }

    async function webpFacts(read, start) {
      const found = {kind: 'WebP', exif: null};
      const first = text(start, 12, 4);
      if (first === 'VP8X') {
        Object.assign(found, {width: 1 + number(start, 24, 3, true), height: 1 + number(start, 27, 3, true)});
      }
      if (first === 'VP8 ') {
        Object.assign(found, {width: number(start, 26, 2, true) & 0x3fff, height: number(start, 28, 2, true) & 0x3fff});
      }
      if (first === 'VP8L') {
        const sides = number(start, 21, 4, true);
        Object.assign(found, {width: 1 + (sides & 0x3fff), height: 1 + ((sides >>> 14) & 0x3fff)});
      }
      let at = 12;
      for (let step = 0; step < MOST_STEPS; step += 1) {
        const chunk = await read(at, 8);
        if (chunk.length < 8) break;
        const length = number(chunk, 4, 4, true);
        if (text(chunk, 0, 4) === 'EXIF' && !found.exif) {
          const exif = await read(at + 8, length);
          found.exif = text(exif, 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
        }
        at += 8 + length + (length % 2);
      }
      return found;
    }

    // What is known without decoding; no more than `kind` null for files that only a decoder can tell about.
    async function factsOf(file) {
      const read = await reader(file);
      const start = await read(0, 32);
      if (number(start, 0, 3) === 0xffd8ff) return jpegFacts(read);
      if (text(start, 0, 8) === '\x89PNG\r\n\x1a\n') return pngFacts(read, start);
      if (text(start, 0, 4) === 'RIFF' && text(start, 8, 4) === 'WEBP') return webpFacts(read, start);
      if (/^GIF8[79]a/.test(text(start, 0, 6))) {
        return {kind: 'GIF', exif: null, width: number(start, 6, 2, true), height: number(start, 8, 2, true)};
      }
      return {kind: null, exif: null};
    }

    // EXIF is a TIFF directory, as in popscore/photos/exif.py: which way up, and when.
    function exifFacts(exif) {
      const found = {orientation: 1, taken: null, part: null};
      const order = exif && text(exif, 0, 4);
      if (order !== 'II*\0' && order !== 'MM\0*') return found;
      const little = order === 'II*\0';
      const whole = (at, length) => number(exif, at, length, little);
      const directory = (at, take) => {
        if (at <= 0 || at > exif.length - 2) return;
        const end = Math.min(at + 2 + 12 * whole(at, 2), exif.length);
        for (let entry = at + 2; entry + 12 <= end; entry += 12) {
          take(whole(entry, 2), whole(entry + 2, 2), whole(entry + 4, 4), entry + 8);
        }
      };
      let pointer = 0;
      directory(whole(4, 4), (tag, kind, count, value) => {
        if (count !== 1 || (kind !== 3 && kind !== 4)) return;
        if (tag === 0x0112) found.orientation = whole(value, kind === 3 ? 2 : 4);
        if (tag === 0x8769) pointer = whole(value, kind === 3 ? 2 : 4);
      });
      directory(pointer, (tag, kind, count, value) => {
        if (kind !== 2 || count > 64) return;
        const words = () => text(exif, count <= 4 ? value : whole(value, 4), count).replace(/^[\0 ]+|[\0 ]+$/g, '');
        if (tag === 0x9003) found.taken = words();
        if (tag === 0x9291) found.part = words();
      });
      if (!(found.orientation >= 1 && found.orientation <= 8)) found.orientation = 1;
      if (!/^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$/.test(found.taken) || /^0000/.test(found.taken)) found.taken = null;
      if (!found.taken || !/^\d+$/.test(found.part)) found.part = null;
      return found;
    }

    // The JPEG with an EXIF segment that says when, and which way up if it is not drawn upright, and nothing else.
    function withExif(jpeg, {taken, part}, orientation = 1) {
      if (!taken && orientation === 1) return jpeg;
      const texts = taken ? [[0x9003, `${taken}\0`], ...(part ? [[0x9291, `${part}\0`]] : [])] : [];
      const head = 'Exif\0\0';
      const entries = Number(orientation !== 1) + Number(Boolean(taken));
      const second = 8 + 2 + 12 * entries + 4; // behind the header and the first directory, counted from the header
      let free = second + (taken ? 2 + 12 * texts.length + 4 : 0);
      const size = free + texts.reduce((sum, [, words]) => sum + (words.length > 4 ? words.length : 0), 0);
      const segment = new Uint8Array(4 + head.length + size);
      const view = new DataView(segment.buffer);
      const write = (at, words) => [...words].forEach((letter, i) => { segment[at + i] = letter.charCodeAt(0); });
      view.setUint16(0, 0xffe1);
      view.setUint16(2, segment.length - 2);
      write(4, head);
      const zero = 4 + head.length;
      const entry = (at, tag, kind, count, value) => {
        view.setUint16(at, tag);
        view.setUint16(at + 2, kind);
        view.setUint32(at + 4, count);
        view.setUint32(at + 8, value);
      };
      write(zero, 'MM\0*');
      view.setUint32(zero + 4, 8);
      view.setUint16(zero + 8, entries);
      if (orientation !== 1) entry(zero + 10, 0x0112, 3, 1, orientation << 16); // two bytes, at the left
      if (taken) {
        entry(zero + 10 + 12 * (entries - 1), 0x8769, 4, 1, second);
        view.setUint16(zero + second, texts.length);
      }
      texts.forEach(([tag, words], i) => {
        const at = zero + second + 2 + 12 * i;
        entry(at, tag, 2, words.length, free);
        if (words.length > 4) {
          write(zero + free, words);
          free += words.length;
        } else {
          view.setUint32(at + 8, 0);
          write(at + 8, words);
        }
      });
      return new Blob([jpeg.slice(0, 2), segment, jpeg.slice(2)], {type: jpeg.type});
    }

    // The JPEG as it is, without what says where it was taken, by whom and with what: its EXIF but for time and way up,
    // XMP, IPTC and comments. Null where its segments cannot be followed.
    async function withoutPlace(file, exif) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const parts = [bytes.subarray(0, 2)];
      let at = 2;
      for (let step = 0; step < MOST_STEPS && at + 4 <= bytes.length; step += 1) {
        const marker = bytes[at + 1];
        const length = number(bytes, at + 2, 2);
        if (bytes[at] !== 0xff || length < 2 || at + 2 + length > bytes.length) return null;
        if (marker === 0xda) {
          parts.push(bytes.subarray(at));
          return withExif(new Blob(parts, {type: 'image/jpeg'}), exif, exif.orientation);
        }
        if (marker !== 0xe1 && marker !== 0xed && marker !== 0xfe) parts.push(bytes.subarray(at, at + 2 + length));
        at += 2 + length;
      }
      return null;
    }

    // --- pixels --------------------------------------------------------------------------------------

    // On white. In memory, not on a graphics card, so that all browsers' pixels are alike.
    function drawn(source, width, height, smoothing) {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d', {alpha: false, willReadFrequently: true});
      context.fillStyle = '#fff';
      context.fillRect(0, 0, width, height);
      context.imageSmoothingQuality = smoothing;
      context.drawImage(source, 0, 0, width, height);
      return canvas;
    }

    // By halves, where plain bilinear drawing takes the mean of four pixels: in one step it would miss most of them,
    // and not every browser's better ways avoid that. The last step is less than a half.
    function scaled(source, width, height) {
      let from = source;
      while (from.width >= 2 * width && from.height >= 2 * height) {
        from = drawn(from, Math.round(from.width / 2), Math.round(from.height / 2), 'low');
      }
      return drawn(from, width, height, 'high');
    }

    // How a picture of w x h pixels is drawn upright, by its EXIF orientation.
    const TURNS = {
      1: () => [1, 0, 0, 1, 0, 0], 2: (w) => [-1, 0, 0, 1, w, 0], 3: (w, h) => [-1, 0, 0, -1, w, h], 4: (w, h) => [1, 0, 0, -1, 0, h],
      5: () => [0, 1, 1, 0, 0, 0], 6: (w, h) => [0, 1, -1, 0, h, 0], 7: (w, h) => [0, -1, -1, 0, h, w], 8: (w) => [0, -1, 1, 0, 0, w],
    };

    // A JPEG can be decoded at eighths of its size, in a third of the time and a few of the bytes; the picture is then
    // turned here. Null where this browser, or this file, does not allow it.
    async function decodedSmaller(file, facts, orientation, shortSide) {
      const eighths = Math.ceil((8 * shortSide) / Math.min(facts.width, facts.height));
      if (typeof ImageDecoder === 'undefined' || facts.kind !== 'JPEG' || facts.colours === 4 || !(eighths < 8)) return null;
      const [width, height] = [facts.width, facts.height].map((side) => Math.ceil((side * eighths) / 8));
      let decoder = null;
      try {
        decoder = new ImageDecoder({
          data: await file.arrayBuffer(), type: 'image/jpeg', colorSpaceConversion: 'none', desiredWidth: width, desiredHeight: height,
        });
        const {image, complete} = await decoder.decode();
        const fits = complete && image.displayWidth === width && image.displayHeight === height && !image.rotation && !image.flip;
        const canvas = fits ? new OffscreenCanvas(...(orientation >= 5 ? [height, width] : [width, height])) : null;
        if (canvas) {
          const context = canvas.getContext('2d', {alpha: false, willReadFrequently: true});
          context.setTransform(...TURNS[orientation](width, height));
          context.drawImage(image, 0, 0);
        }
        image.close();
        return canvas;
      } catch {
        return null;
      } finally {
        decoder?.close();
      }
    }

    // Browsers that guard against fingerprints give noise, or nothing, in place of what was drawn.
    function keepsPixels() {
      const context = new OffscreenCanvas(4, 4).getContext('2d', {willReadFrequently: true});
      context.fillStyle = 'rgb(200, 120, 40)';
      context.fillRect(0, 0, 4, 4);
      const {data} = context.getImageData(0, 0, 4, 4);
      return data.every((value, i) => Math.abs(value - [200, 120, 40, 255][i % 4]) <= 4);
    }

    function smallOf(source) {
      const share = Math.min(1, SMALL_SIDE / Math.max(source.width, source.height));
      const sides = [source.width, source.height].map((side) => Math.max(1, Math.round(share * side)));
      return scaled(source, ...sides).convertToBlob({type: 'image/jpeg', quality: SMALL_QUALITY});
    }

    // Why pixels are not made smaller although the browser can decode them.
    function reasonAgainst(facts, size, share) {
      if (!facts.kind) return 'other format';
      if (facts.moves) return 'animated'; // of a PNG: which picture is the first, decoders see differently
      if (facts.colours === 4) return 'other colours'; // of a JPEG: browsers and the server turn CMYK into other RGB
      return size <= (share < 1 ? SMALL_ENOUGH : FEW_PIXELS_ENOUGH) ? 'small enough' : null;
    }

    async function shrink({file, shortSide, type, quality}) {
      if (!keepsPixels()) return {whole: true, reason: 'not supported'};
      const facts = await factsOf(file);
      if (facts.width * facts.height > MOST_PIXELS) return {whole: true, reason: 'too many pixels'};
      const exif = exifFacts(facts.exif);
      let bitmap = file.size > SMALL_ENOUGH ? await decodedSmaller(file, facts, exif.orientation, shortSide) : null;
      const known = bitmap && (exif.orientation >= 5 ? [facts.height, facts.width] : [facts.width, facts.height]);
      try {
        bitmap ??= await createImageBitmap(file, {imageOrientation: 'from-image', colorSpaceConversion: 'none'});
      } catch {
        return {whole: true, reason: 'cannot decode'};
      }
      try {
        const [width, height] = known || [bitmap.width, bitmap.height];
        const sides = exif.orientation >= 5 ? [facts.height, facts.width] : [facts.width, facts.height];
        // Browsers turn JPEGs by their EXIF, of other formats only some.
        if (facts.kind && facts.kind !== 'JPEG' && exif.orientation !== 1) return {whole: true, reason: 'turned'};
        if (facts.kind && (sides[0] !== width || sides[1] !== height)) return {whole: true, reason: 'other size'};
        const taken = exif.taken && (exif.part ? `${exif.taken}.${exif.part}` : exif.taken);
        const about = {width, height, taken};
        const share = Math.min(1, shortSide / Math.min(width, height));
        const reason = reasonAgainst(facts, file.size, share);
        const asItIs = async (why, small) => {
          const blob = facts.kind === 'JPEG' ? await withoutPlace(file, exif) : null;
          return {whole: true, reason: why, ...about, small, ...(blob && {blob})};
        };
        if (reason) return asItIs(reason, await smallOf(bitmap));
        const reduced = scaled(bitmap, Math.round(share * width), Math.round(share * height));
        bitmap.close?.();
        const small = await smallOf(reduced);
        const blob = await reduced.convertToBlob({type, quality});
        if (blob.size > WORTH_IT * file.size) return asItIs('no gain', small);
        return {whole: false, blob: blob.type === 'image/jpeg' ? withExif(blob, exif) : blob, ...about, small};
      } finally {
        bitmap.close?.();
      }
    }

    onmessage = async ({data}) => {
      try {
        postMessage(await shrink(data));
      } catch {
        postMessage({whole: true, reason: 'failed'}); // such as for want of memory
      }
    };
  }

  // --- on the page -----------------------------------------------------------------------------------

  const AT_ONCE = 2; // photos in work, each with one full-size bitmap
  const MOST_FAILURES = 3; // workers lost in a row, after which this browser is left alone

  const canWork = () => ['Worker', 'OffscreenCanvas', 'createImageBitmap'].every((name) => name in window);

  // `shortSide` pixels are left of the shorter side; 3.5 times the model's input is best. From 4 times on the server
  // decodes the JPEG at half its size, which moves scores more. JPEG at .9 moves them less than WebP of as many bytes
  // (tests/benchmarks/shrink.py). `type` and `quality` are there for measuring; only JPEGs
  // say when they were taken. A photo may take `patience` milliseconds.
  window.popscore.shrinker = ({shortSide, type = 'image/jpeg', quality = 0.9, patience = 20_000}) => {
    const waiting = [];
    const hands = new Set(); // workers, each with the photo it works on
    let failures = 0;
    let closed = false;
    let address = null;

    const whole = (reason) => ({whole: true, reason});

    function newHand() {
      address ??= URL.createObjectURL(new Blob([`(${inWorker})()`], {type: 'text/javascript'}));
      const hand = {worker: new Worker(address), job: null, timer: 0};
      hand.worker.onmessage = ({data}) => {
        failures = 0;
        if (hand.job) finish(hand, data);
      };
      hand.worker.onerror = (event) => {
        event.preventDefault();
        lose(hand, 'failed');
      };
      hands.add(hand);
      return hand;
    }

    function finish(hand, {blob, ...answer}) {
      const {file, done} = hand.job;
      clearTimeout(hand.timer);
      hand.job = null;
      if (blob) {
        const name = `${file.name.replace(/(.)\.[^.]*$/, '$1')}.${blob.type === 'image/webp' ? 'webp' : 'jpg'}`;
        answer.file = new File([blob], name, {type: blob.type, lastModified: file.lastModified});
      }
      done(answer);
      pump();
    }

    // A worker that hangs or fails is ended; the next photo gets a new one.
    function lose(hand, reason) {
      hand.worker.terminate();
      hands.delete(hand);
      failures += 1;
      if (hand.job) finish(hand, whole(reason));
    }

    function work(hand, job) {
      hand.job = job;
      hand.timer = setTimeout(() => lose(hand, 'took too long'), patience);
      hand.worker.postMessage({file: job.file, shortSide, type, quality});
    }

    function pump() {
      while (waiting.length) {
        if (closed || failures >= MOST_FAILURES) {
          waiting.shift().done(whole(closed ? 'closed' : 'failed'));
          continue;
        }
        let free = [...hands].find((hand) => !hand.job);
        if (!free && hands.size === AT_ONCE) return;
        try {
          free ||= newHand();
        } catch {
          failures = MOST_FAILURES; // the page must not have workers
          continue;
        }
        work(free, waiting.shift());
      }
    }

    return {
      shrink(file) {
        if (closed) return Promise.resolve(whole('closed'));
        if (!canWork()) return Promise.resolve(whole('not supported'));
        return new Promise((done) => {
          waiting.push({file, done});
          pump();
        });
      },
      // Photos that are not done go up whole.
      close() {
        closed = true;
        for (const hand of hands) {
          hand.worker.terminate();
          clearTimeout(hand.timer);
          hand.job?.done(whole('closed'));
        }
        hands.clear();
        pump();
        if (address) URL.revokeObjectURL(address);
      },
    };
  };
})();
