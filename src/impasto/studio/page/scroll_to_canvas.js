// On a phone the canvas is far below the button.
() => {
  if (window.innerWidth < 800) document.getElementById('canvas').scrollIntoView({behavior: 'smooth'});
}
