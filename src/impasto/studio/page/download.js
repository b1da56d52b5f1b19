// Saves a file of the server that was made when a button was pressed.
(file) => {
  const link = document.createElement('a');
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
  return [];
}
