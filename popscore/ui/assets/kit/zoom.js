// Looking closely: panes with one picture each, enlarged and moved together. What was looked at stays while one
// flips through photos, so that the same place is seen in each.

// `stage` holds the panes (`.pr-pane` with an img); `swipe(by)` is told of a swipe while nothing is enlarged.
window.popscore.zoom = (stage, {swipe = () => {}} = {}) => {
  const CLOSEST = 8;
  const SWIPE = 48; // pixels
  let scale = 1;
  let x = 0; // how far the picture is moved, in sides of a pane
  let y = 0;
  const pointers = new Map();
  let began = null; // {x, y, at: [x, y], spread, scale, moved}

  function draw() {
    const most = (scale - 1) / 2;
    x = Math.min(most, Math.max(-most, x));
    y = Math.min(most, Math.max(-most, y));
    for (const image of stage.querySelectorAll('.pr-pane > :is(img, .pl-fit)')) {
      image.style.transform = scale === 1 ? '' : `translate(${100 * x}%, ${100 * y}%) scale(${scale})`;
    }
    stage.classList.toggle('pr-close-up', scale > 1);
  }

  // Enlarges so that what lies at a place of a pane stays there.
  function to(wanted, pane, at) {
    const next = Math.min(CLOSEST, Math.max(1, wanted));
    const box = pane.getBoundingClientRect();
    const from = [(at[0] - box.left) / box.width - 0.5, (at[1] - box.top) / box.height - 0.5];
    x = from[0] - ((from[0] - x) * next) / scale;
    y = from[1] - ((from[1] - y) * next) / scale;
    scale = next;
    draw();
  }

  const paneOf = (event) => event.target.closest('.pr-pane') || stage.querySelector('.pr-pane');
  const middle = () => {
    const all = [...pointers.values()];
    return [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
  };
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  };
  const begin = () => { began = pointers.size ? {x, y, at: middle(), spread: spread(), scale, moved: began?.moved || false} : null; };

  stage.addEventListener('wheel', (event) => {
    event.preventDefault();
    to(scale * (event.deltaY < 0 ? 1.25 : 0.8), paneOf(event), [event.clientX, event.clientY]);
  }, {passive: false});
  stage.addEventListener('dblclick', (event) => to(scale > 1 ? 1 : 3, paneOf(event), [event.clientX, event.clientY]));
  stage.addEventListener('pointerdown', (event) => {
    if (event.target.closest('button')) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    stage.setPointerCapture?.(event.pointerId);
    if (pointers.size === 1) began = null;
    begin();
  });
  stage.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId) || !began) return;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    const box = paneOf(event).getBoundingClientRect();
    const at = middle();
    if (Math.hypot(at[0] - began.at[0], at[1] - began.at[1]) > 8) began.moved = true;
    if (pointers.size > 1 && began.spread) {
      to((began.scale * spread()) / began.spread, paneOf(event), at);
    } else if (scale > 1) {
      x = began.x + (at[0] - began.at[0]) / box.width;
      y = began.y + (at[1] - began.at[1]) / box.height;
      draw();
    }
  });
  for (const over of ['pointerup', 'pointercancel']) {
    stage.addEventListener(over, (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (over === 'pointerup' && scale === 1 && began && !pointers.size) {
        const by = event.clientX - began.at[0];
        if (Math.abs(by) > SWIPE && Math.abs(by) > 1.5 * Math.abs(event.clientY - began.at[1])) swipe(by < 0 ? 1 : -1);
      }
      begin();
    });
  }

  return {
    draw,
    toggle() {
      scale = scale > 1 ? 1 : 3;
      draw();
    },
    reset() {
      scale = 1;
      x = y = 0;
      draw();
    },
  };
};
