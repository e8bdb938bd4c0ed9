// What every page needs: elements, words, the bar of work in progress, files to save. Text from outside is set
// as text, never as HTML. Everything here hangs on window.popscore, which is made once per page.

Object.assign(window.popscore, {
  make(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  },

  button(className, text, act) {
    const made = window.popscore.make('button', className, text);
    made.type = 'button';
    if (act) made.dataset.do = act;
    return made;
  },

  count: (number, one, many) => `${number} ${number === 1 ? one : many}`,

  clock(time) {
    const tenths = Math.round(time * 10);
    const minutes = Math.floor(tenths / 600);
    return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`;
  },

  // A score with one decimal, which is all that its noise allows; never rounded up into the next band.
  shortScore(result) {
    const rounded = Math.round(result.score * 10) / 10;
    const band = window.popscore.bands.find((one) => rounded >= (one.from ?? -Infinity));
    return (band.label === result.label ? rounded : Math.floor(result.score * 10) / 10).toFixed(1);
  },

  // A score with its word, in the colour of its band. `chip` may be one that is there already.
  chip(result, chip = window.popscore.make('span')) {
    const {make, cssOf} = window.popscore;
    chip.className = `ps-chip ${cssOf(result.label)}`;
    chip.replaceChildren(make('i'), make('b', '', `${window.popscore.shortScore(result)} ${result.label}`));
    return chip;
  },

  // What a page with a bar and a line for messages can do with them.
  page(root) {
    const find = (selector) => root.querySelector(selector);
    return {
      find,
      // A message is an alert unless it is `calm`: something that went as it should.
      say(message, calm = false) {
        const line = find('.ps-message');
        line.setAttribute('role', calm ? 'status' : 'alert');
        line.textContent = message || '';
        line.hidden = !message;
      },
      busy(words, share) {
        find('.ps-busy').hidden = words === null;
        if (words === null) return;
        find('.ps-doing').textContent = words;
        find('.ps-bar i').style.width = `${Math.round(100 * share)}%`;
      },
      // Buttons say what they do in `data-do`; `actions` has a function for each, called with the button.
      act(actions) {
        root.addEventListener('click', (event) => {
          const pressed = event.target.closest('[data-do]');
          if (pressed && !pressed.disabled) actions[pressed.dataset.do]?.(pressed, event);
        });
      },
    };
  },

  address: (path) => `gradio_api/file=${path.split('/').map(encodeURIComponent).join('/')}`,

  save(path, name) {
    const link = window.popscore.make('a');
    link.href = window.popscore.address(path);
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
  },
});
