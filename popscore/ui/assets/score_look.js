// The closer look of the Score tab: under the answer, opened by the buttons in it. `props.value` says which photo. What
// is said about selfies stands there too, without being asked for, because nobody would look for it.

const box = element.querySelector('.ps-look');
const look = popscore.look(box, {server, views: ['why', 'crop', 'try', 'compare', 'facts', 'share']});
const selfie = popscore.selfie(element.querySelector('.ps-selfie'), {server});
let source = null;
let shown = null; // the panel of the answer, which is watched

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
  own();
}

// --- the memory bank -----------------------------------------------------------------------------

// What the bank says stands in the panel of the answer, which comes a moment earlier or later than `props.value`.
function own() {
  const panel = document.querySelector('#answer');
  if (panel && panel !== shown) {
    shown = panel;
    new MutationObserver(own).observe(panel, {childList: true, subtree: true});
  }
  const place = panel?.querySelector('.ps-own');
  if (!place || !source) return;
  const bank = popscore.bank.current;
  const of = bank && !source.result.warning ? `${source.key} ${bank.key}` : '';
  if ((place.dataset.of || '') === of) return;
  place.dataset.of = of;
  place.hidden = !of;
  place.replaceChildren();
  if (of) ask(place, of);
}

async function ask(place, of) {
  const {make, button} = popscore;
  const doing = make('p', 'po-doing', 'Asking what your memory bank says.');
  doing.setAttribute('role', 'status');
  place.replaceChildren(doing);
  const photo = {id: source.id, name: source.name};
  let answer;
  try {
    answer = await server.own_score({photo, bank: await popscore.bank.id()});
  } catch (error) {
    answer = {message: error.final ? error.message : ''};
  }
  if (place.dataset.of !== of) return;
  if (answer?.own) {
    place.replaceChildren(popscore.ownPart(answer.own));
    return;
  }
  const missing = answer?.missing && 'The photo is not on the server any more. Add it again.';
  const again = button('', 'Try again');
  again.addEventListener('click', () => ask(place, of));
  doing.textContent = missing || answer?.message || 'Your memory bank did not answer. Check the connection and try again.';
  doing.setAttribute('role', 'alert');
  place.replaceChildren(doing, ...(missing ? [] : [again]));
}
popscore.bank.watch(own);
watch('value', take);
take();

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('#answer [data-view]');
  if (!button || !source) return;
  look.open(source, button.dataset.view);
  box.scrollIntoView({block: 'start', behavior: 'instant'});
});
