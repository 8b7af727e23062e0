// The guide opens by its button; a line that offers it is there until it was opened or waved away, on any page.

(() => {
  const SEEN = "deep-potential-guide-seen";
  const guide = document.getElementById("guide");
  const welcome = document.getElementById("welcome");

  // A browser may keep nothing: then the line comes again, and nothing else is lost.
  const remembered = () => {
    try {
      return localStorage.getItem(SEEN);
    } catch {
      return null;
    }
  };
  const remember = () => {
    welcome.hidden = true;
    try {
      localStorage.setItem(SEEN, "yes");
    } catch {}
  };
  const open = () => {
    remember();
    guide.showModal();
  };

  welcome.hidden = Boolean(remembered());
  document.getElementById("show-guide").addEventListener("click", open);
  document.getElementById("take-guide").addEventListener("click", open);
  document.getElementById("no-guide").addEventListener("click", remember);
  for (const dialog of document.querySelectorAll("dialog"))
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
})();
