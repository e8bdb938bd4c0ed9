// The Score tab in the browser: the example buttons, and photos that are pasted or dropped where Gradio
// would not take them: anywhere on the page, and onto a photo that is already there.

element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-file]');
  if (button) trigger('select', {file: button.dataset.file});
});

const area = () => document.querySelector('#photo');
const pause = (time) => new Promise((done) => setTimeout(done, time));

async function give(file) {
  const find = () => area().querySelector('input[type=file]');
  if (!find()) area().querySelector('button[aria-label="Remove Image"]')?.click();
  for (let tries = 0; tries < 40 && !find(); tries += 1) await pause(25);
  const input = find();
  if (!input) return;
  const carried = new DataTransfer();
  carried.items.add(file);
  input.files = carried.files;
  input.dispatchEvent(new Event('change', {bubbles: true}));
}

popscore.takeFiles({
  element,
  kind: 'image',
  take: ([file]) => give(file),
  leave: (event) => Boolean(event.target.closest?.('#photo .upload-container')),
});
