// The memory bank beside the model, at the top of every tab: what it is, which one is in use, and how it is put away.
// `element`, `props` and `server` come from Gradio, `popscore` from assets/kit.

const {bank} = popscore;
const root = element.querySelector('.pb');
const {find, say, act} = popscore.page(root);
const about = find('.pb-about');
const opener = find('.pb-open');
const badge = find('.pb-badge');

bank.connect({server, limits: props.limits});

function show(open) {
  about.hidden = !open;
  opener.setAttribute('aria-expanded', open);
}

function draw() {
  const {current, reading} = bank;
  root.dataset.phase = reading ? 'reading' : current ? 'used' : 'none';
  badge.classList.toggle('ps-loading', reading !== null);
  badge.hidden = !current && !reading;
  opener.hidden = !badge.hidden;
  find('.pb-name').textContent = reading ? `Reading ${reading}` : bank.name;
  find('.pb-name').title = reading || current?.name || '';
  find('.pb-count').textContent = !reading && current?.words ? ` · ${current.words}` : '';
  const button = badge.querySelector('button');
  button.textContent = reading ? 'Stop' : 'Remove';
  button.setAttribute('aria-label', reading ? `Stop reading ${reading}` : `Remove the memory bank ${current?.name || ''}`);
}

async function take(file) {
  say('');
  show(false);
  const trouble = await bank.take(file);
  if (trouble) {
    say(trouble);
    show(true);
    find('[data-do=choose]').focus();
  } else if (bank.current) badge.focus({preventScroll: true});
}

act({
  open: () => { say(''); show(about.hidden); },
  choose: () => find('.pb-file').click(),
  remove: async () => {
    if (bank.reading) bank.stop();
    else await bank.remove();
    (badge.hidden ? opener : badge).focus({preventScroll: true});
  },
});
find('.pb-file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  if (file) take(file);
});
document.addEventListener('click', (event) => {
  if (!about.hidden && !root.contains(event.target)) show(false);
});
root.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || about.hidden) return;
  show(false);
  opener.focus();
});
popscore.takeBanks(take);
bank.watch(draw);
draw();
