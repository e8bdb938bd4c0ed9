// The closer look of the Score tab: under the answer, opened by the buttons in it. `props.value` says which photo. What
// is said about selfies stands there too, without being asked for, because nobody would look for it.

const box = element.querySelector('.ps-look');
const look = popscore.look(box, {server, views: ['why', 'crop', 'try', 'compare', 'facts', 'share']});
const selfie = popscore.selfie(element.querySelector('.ps-selfie'), {server});
let source = null;

const pause = (time) => new Promise((done) => setTimeout(done, time));

// What the photo area shows: the photo, or a picture of it that comes a moment later.
async function picture() {
  for (let tries = 0; tries < 100; tries += 1) {
    const image = document.querySelector('#photo img');
    if (image?.src && (!image.complete || image.naturalWidth)) return image.src;
    await pause(100);
  }
  return null;
}

function take() {
  const photo = props.value ? JSON.parse(props.value) : null;
  if (photo && photo.key === source?.key) return;
  look.close();
  look.forget();
  source = photo && {...photo, picture, sent: async () => photo.id, original: async () => photo.id};
  selfie.seek(source);
}
watch('value', take);
take();

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('#answer [data-view]');
  if (!button || !source) return;
  look.open(source, button.dataset.view);
  box.scrollIntoView({block: 'start', behavior: 'instant'});
});
