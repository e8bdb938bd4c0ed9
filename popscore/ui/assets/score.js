// The Score tab in the browser: the example buttons, and photos that Gradio would not take: dropped or pasted anywhere
// on the page, onto a photo that is already there, or of a kind that the browser has no name for.

const TYPES = {heic: 'image/heic', heif: 'image/heif', hif: 'image/heif', avif: 'image/avif', tif: 'image/tiff', tiff: 'image/tiff', jfif: 'image/jpeg', jpe: 'image/jpeg'};

element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-file]');
  if (button) trigger('select', {file: button.dataset.file});
});

const area = () => document.querySelector('#photo');
const pause = (time) => new Promise((done) => setTimeout(done, time));
let own = false; // a change of the input that comes from here

// The file with a type that Gradio knows; its server looks at the content.
function named(file) {
  if (file.type.startsWith('image/')) return file;
  const type = TYPES[file.name.split('.').pop().toLowerCase()] || 'image/jpeg';
  return new File([file], file.name, {type, lastModified: file.lastModified});
}

// Why a file cannot be scored, or null.
const against = (file) => (!popscore.isPhoto(file) ? 'kind' : file.size > props.limits.bytes ? 'size' : null);

async function give(file) {
  if (against(file)) { // told in the panel, where the answer would be, and nothing of it is sent
    trigger('select', {refused: against(file), name: file.name});
    return;
  }
  const find = () => area().querySelector('input[type=file]');
  if (!find()) area().querySelector('button[aria-label="Remove Image"]')?.click();
  for (let tries = 0; tries < 40 && !find(); tries += 1) await pause(25);
  const input = find();
  if (!input) return;
  const carried = new DataTransfer();
  carried.items.add(named(file));
  input.files = carried.files;
  own = true;
  input.dispatchEvent(new Event('change', {bubbles: true}));
  own = false;
}

// What is chosen goes the same way.
document.addEventListener('change', (event) => {
  const [file] = event.target.files || [];
  if (own || !file || !event.target.closest?.('#photo') || (named(file) === file && !against(file))) return;
  event.stopImmediatePropagation();
  event.target.value = '';
  give(file);
}, true);

popscore.takeFiles({
  element, kind: 'image', tab: 'Score',
  take: ([file]) => give(file),
  // One photo of an ordinary kind onto the empty area: Gradio's own way.
  leave: (event, files) => files.length === 1 && named(files[0]) === files[0] && !against(files[0])
    && Boolean(event.target.closest?.('#photo .upload-container')),
});
