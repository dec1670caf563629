// Takes the notice of what was just done out of the address: reloading the page or coming back to it
// must not say it again.

const url = new URL(location.href);
if (url.searchParams.has('notice')) {
  url.searchParams.delete('notice');
  history.replaceState(history.state, '', url);
}
