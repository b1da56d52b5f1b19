// Shows the camera painted. The next picture is sent when the one before is back: those between are dropped, none waits.
// Gradio provides `element`, `server` with the function `paint_frame` of webcam.py, and `trigger`.
const SIZES = [160, 224, 320, 448, 640];  // long side in pixels; each takes about twice as long as the one before
const [SLOW, FAST] = [5, 12];  // pictures per second below and above which the size changes: a step halves or doubles them
const language = navigator.languages.join();
const video = Object.assign(document.createElement('video'), {muted: true, playsInline: true});
const photo = document.createElement('canvas');
let stream = null, step = 2;
const box = () => element.querySelector('.webcam');
const told = TEXTS;
const text = (name) => told[name][+document.documentElement.lang.startsWith('zh')];
const tell = (words) => { box().querySelector('.told').textContent = words; };
const style = () => document.querySelector('#webcam-styles input:checked')?.value;
const jpeg = (canvas) => canvas.toDataURL('image/jpeg', .9);
const drawn = (canvas, source, width, height, longest) => {
  const scale = Math.min(1, longest / Math.max(width, height));
  Object.assign(canvas, {width: Math.round(width * scale), height: Math.round(height * scale)});
  canvas.getContext('2d').drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
};
const show = (picture) => {
  const canvas = box().querySelector('.canvas');
  if (!canvas.querySelector('img')) {
    canvas.replaceChildren(Object.assign(new Image(), {alt: text('picture')}));
    canvas.classList.remove('empty');
  }
  canvas.querySelector('img').src = picture;
};
const stop = (words = '') => {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  box().classList.remove('live');
  tell(words);
};
const start = async () => {
  if (stream) return;
  const asked = stream = new MediaStream();
  try {
    const found = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'user', width: {ideal: 1280}}});
    for (const track of found.getTracks()) stream === asked ? stream.addTrack(track) : track.stop();
    if (stream !== asked) return;
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (stream === asked) stop(text(!navigator.mediaDevices ? 'insecure' : error.name === 'NotAllowedError' ? 'denied' : 'missing'));
    return;
  }
  box().classList.add('live');
  let times = [performance.now()];
  while (stream === asked) {
    drawn(photo, video, video.videoWidth, video.videoHeight, Infinity);
    const frame = jpeg(drawn(document.createElement('canvas'), photo, photo.width, photo.height, SIZES[step]));
    const answer = await (style() && server.paint_frame([frame, style(), language]).catch(() => null));
    if (stream !== asked) return;
    // A studio that restarts is asked again; while the styles are listed none is chosen.
    if (!answer) { await new Promise((done) => setTimeout(done, 1000)); continue; }
    if (answer.error) return stop(answer.error);
    show(answer.picture);
    times = [...times, performance.now()].slice(-8);
    const rate = 1000 * (times.length - 1) / (times.at(-1) - times[0]);
    tell(text('rate').replace('{rate}', rate.toFixed(rate < 10 ? 1 : 0)).replace('{size}', SIZES[step]));
    const next = rate < SLOW ? step - 1 : rate > FAST ? step + 1 : step;
    if (times.length < 8 || next === step || !SIZES[next]) continue;
    [step, times] = [next, times.slice(-1)];
  }
};
const keep = () => Object.assign(document.createElement('a'), {href: box().querySelector('img').src, download: 'webcam.jpg'}).click();
const use = () => trigger('select', {photo: jpeg(photo), style: style()});
const actions = {'webcam-start': start, 'webcam-stop': () => stop(), 'webcam-keep': keep, 'webcam-use': use};
document.addEventListener('click', ({target}) => actions[target.closest?.('button')?.id]?.());
// The camera goes off when the tab is left.
setInterval(() => { if (stream && (document.hidden || !element.offsetParent)) stop(); }, 500);
