// Runs once when the page is opened: what Gradio's components leave to be wished for.
() => {
  document.title = document.querySelector('#title h1').innerText;
  const words = document.documentElement.lang.startsWith('zh') ? WORDS : {};

  // A click on the picture of a style chooses it alone; its box, the keyboard, or a key held down adds it to a mix.
  let alone = null;
  document.addEventListener('click', (event) => {
    const label = event.target.closest?.('#styles label');
    if (label && !event.target.matches('input'))
      alone = event.ctrlKey || event.metaKey || event.shiftKey ? null : label.querySelector('input').name;
  }, true);
  const choose = (chosen) => {
    const only = alone;
    alone = null;
    return only === null ? chosen : [only];
  };

  // Gradio sends each digit that is typed beside a slider, and its server refuses numbers out of bounds: unfinished ones
  // are held back, and what is left there is brought within the bounds; an empty field gets its value back.
  const slides = (field) => field.matches?.('input[type=number]') && field.closest('.block')?.querySelector('input[type=range]');
  const isWithin = (field) => field.value !== '' && !field.validity.rangeUnderflow && !field.validity.rangeOverflow;
  document.addEventListener('input', (event) => {
    if (slides(event.target) && !isWithin(event.target)) event.stopImmediatePropagation();
  }, true);
  document.addEventListener('change', (event) => {
    const field = event.target, slider = slides(field);
    if (!slider || isWithin(field)) return;
    field.value = field.value === '' ? slider.value : Math.min(Math.max(field.value, field.min), field.max);
    field.dispatchEvent(new Event('input', {bubbles: true}));
  }, true);

  // Browsers do not know the type of some files, which Gradio refuses then.
  const TYPES = {heic: 'heic', heif: 'heif', tif: 'tiff', tiff: 'tiff', avif: 'avif', webp: 'webp', png: 'png', jpg: 'jpeg', jpeg: 'jpeg'};
  const typed = (files) => {
    const all = new DataTransfer();
    for (const file of files) {
      const type = TYPES[file.name.split('.').pop().toLowerCase()];
      all.items.add(type && !file.type ? new File([file], file.name, {type: `image/${type}`}) : file);
    }
    return all.files;
  };
  document.addEventListener('change', (event) => {
    const input = event.target;
    if (!input.matches?.('input[type=file]') || !input.files.length) return;
    if ([...input.files].some((file) => !file.type)) input.files = typed(input.files);
    if (input.closest('#photo')) showUpload(input.closest('#photo'), input.files[0]);
  }, true);
  document.addEventListener('drop', (event) => {
    const block = event.target.closest?.('.block');
    const input = block?.querySelector('input[type=file]');
    const files = event.dataTransfer?.files ?? [];
    if (input && [...files].some((file) => !file.type)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      input.files = typed(files);
      input.dispatchEvent(new Event('change', {bubbles: true}));
    } else if (block?.id === 'photo' && files.length) showUpload(block, files[0]);
  }, true);

  // While a photo is on its way it is shown from the visitor's own disk, with the share that has arrived.
  const showUpload = (block, file) => {
    const shown = document.createElement('div');
    const before = block.querySelector('img')?.src;
    const toasts = document.querySelectorAll('.toast-body').length;
    const url = URL.createObjectURL(file);
    shown.className = 'on-its-way';
    shown.setAttribute('role', 'status');
    shown.style.backgroundImage = `url(${url})`;
    block.append(shown);
    const wait = setInterval(() => {
      const share = Math.round(parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--upload-progress-width')));
      shown.textContent = `${words['Uploading'] ?? 'Uploading'} ${file.name}… ${share > 0 ? `${share} %` : ''}`;
      const image = block.querySelector('img');
      const isThere = image && image.src !== before && image.complete;
      if (!isThere && document.querySelectorAll('.toast-body').length <= toasts) return;
      clearInterval(wait);
      shown.remove();
      URL.revokeObjectURL(url);
    }, 100);
  };

  // Names for screen readers: of thumbnails, and in the visitor's language.
  const name = () => {
    for (const button of document.querySelectorAll('#history button:has(> .caption-label)')) {
      if (button.ariaLabel !== button.innerText) button.ariaLabel = button.querySelector('.caption-label').innerText;
      button.querySelector('img').alt = '';
    }
    // A button would hold another button.
    for (const toast of document.querySelectorAll('.toast-header[role=button]'))
      for (const attribute of ['role', 'tabindex']) toast.removeAttribute(attribute);
    // Gradio shows what the program calls a choice.
    for (const box of document.querySelectorAll('#styles input, #which input')) {
      const title = box.closest('label').innerText.trim();
      if (box.title !== title) box.title = title;
    }
    for (const [attribute, nodes] of [['aria-label', '[aria-label]'], ['title', '[title]'], ['alt', '[alt]']])
      for (const node of document.querySelectorAll(nodes)) {
        const text = node.getAttribute(attribute);
        for (const [english, chinese] of Object.entries(words))
          if (text.startsWith(english)) node.setAttribute(attribute, chinese + text.slice(english.length));
      }
  };

  // Tells screen readers of every new state and of every tenth that is painted, not of every step.
  const announcer = Object.assign(document.createElement('div'), {id: 'announcer', ariaLive: 'polite'});
  document.querySelector('main').append(announcer);
  const announce = () => {
    const films = [...document.querySelectorAll('#film-view .status, #film-preview .status')].filter((one) => one.offsetParent);
    const watched = films.find((one) => one.closest('.watched').dataset.run) ?? films[0];
    const shown = watched ?? document.querySelector('#status .status');
    const text = shown?.querySelector('p').innerText ?? '';
    const done = Number(shown?.querySelector('[role=progressbar]').ariaValueNow);
    const isPainted = (watched ? watched.closest('.watched').dataset.run : document.querySelector('#stop:enabled')) && /\d.*\d/.test(text);
    const news = isPainted ? `${10 * Math.floor(done / 10)} %` : text;
    if (announcer.innerText !== news) announcer.innerText = news;
  };

  // Undo and the bin of Gradio's editor, which is `window.editor`, would take the photo away, too: its history begins with it.
  let editor;
  const hasStrokes = () => !['AddImage', undefined].includes(editor.command_manager.history.command?.name);
  const guard = (made) => {
    const history = made.command_manager;
    const undo = history.undo.bind(history);
    history.undo = () => { if (hasStrokes()) undo(); };
    editor = made;
    made.on('change', keepStrokes);
    made.on('change', showReadiness);
    for (const name of ['add_image_from_url', 'add_layers_from_url']) {
      const load = made[name].bind(made);
      made[name] = (...given) => {
        busy += 1;
        showReadiness();
        return load(...given).finally(() => { busy -= 1; showReadiness(); });
      };
    }
  };
  // Each photo and each file of strokes replaces the layers, so that what is drawn while it is loaded would be lost.
  let busy = 0, changing = false;
  const canBrush = () => !busy && !changing && Boolean(editor?.background_image);
  const showReadiness = () => document.documentElement.classList.toggle('can-brush', canBrush());
  const holdBrush = (on) => { changing = on; showReadiness(); };
  const readLayer = async () => {
    const [layer] = (await editor.get_blobs()).layers;
    return layer && new Promise((done) => {
      const reader = Object.assign(new FileReader(), {onload: () => done(reader.result)});
      reader.readAsDataURL(layer);
    });
  };
  // The strokes, a data URI; null where the editor does not show what it was given last.
  const strokes = async () => canBrush() ? readLayer() : null;
  // Keeps the strokes for the tab, as remember_form.js keeps the rest of the form.
  let keeping = 0;
  const keepStrokes = () => {
    clearTimeout(keeping);
    keeping = setTimeout(async () => {
      const painted = await readLayer();
      if (painted && window.impastoShowsForm) sessionStorage.setItem('impasto-strokes', JSON.stringify(painted));
    }, 300);
  };
  if (window.editor) guard(window.editor);
  Object.defineProperty(window, 'editor', {get: () => editor, set: guard});
  document.addEventListener('click', (event) => {
    if (!event.target.closest?.('#regions .icon-button-wrapper > button:last-of-type')) return;
    event.stopImmediatePropagation();
    while (hasStrokes()) editor.undo();
    // Loaded strokes are not part of the history.
    editor.layer_manager.reset_layers(editor.width, editor.height, true);
    editor.notify('change');
  }, true);

  let due = 0;
  new MutationObserver(() => { due ||= setTimeout(() => { due = 0; name(); announce(); }, 200); })
    .observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['aria-label', 'title']});
  name();

  // Hands what is seen to the device, or else to its clipboard; browsers allow both on secure pages only.
  const share = async () => {
    const image = document.querySelector('#slider img.after');
    const blob = await (await fetch(image.src)).blob();
    const file = new File([blob], `painting.${blob.type.split('/')[1]}`, {type: blob.type});
    if (navigator.canShare?.({files: [file]}))
      return navigator.share({files: [file]}).then(() => 'shared', (error) => error.name === 'AbortError' ? 'shared' : 'unshared');
    const canvas = Object.assign(document.createElement('canvas'), {width: image.naturalWidth, height: image.naturalHeight});
    canvas.getContext('2d').drawImage(image, 0, 0);
    const png = new Promise((done) => canvas.toBlob(done, 'image/png'));
    try {
      await navigator.clipboard.write([new ClipboardItem({'image/png': png})]);
      return 'copied';
    } catch { return 'unshared'; }
  };
  // Where there is neither, the downloads beside it are the way.
  const canShare = navigator.canShare?.({files: [new File([], 'painting.jpeg', {type: 'image/jpeg'})]}) || navigator.clipboard?.write;
  document.documentElement.classList.toggle('cannot-share', !canShare);
  window.impasto = {choose, holdBrush, share, strokes};
}
