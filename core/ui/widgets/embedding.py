"""The widgets within a page of the same server: the frame is as high as what it shows; one scroll bar is enough."""

FIT = """<script>
(() => {
  const frame = window.frameElement;  // null where another site embeds the widgets
  if (!frame) return;
  const fit = () => {
    const shown = document.querySelector("main.contain > *"), foot = document.querySelector("footer");
    if (!shown) return;
    const end = shown.getBoundingClientRect().bottom + window.scrollY + (foot ? foot.offsetHeight : 0) + 48;
    const wanted = Math.max(700, Math.ceil(end));
    if (Math.abs(wanted - frame.offsetHeight) > 8) frame.style.height = wanted + "px";
    const told = document.querySelector(".toast-wrap");
    if (told) told.style.top = Math.max(16, 16 - frame.getBoundingClientRect().top) + "px";  // where one looks
  };
  new MutationObserver(fit).observe(document, {subtree: true, childList: true, attributes: true});
  window.addEventListener("resize", fit);
  setInterval(fit, 500);  // pictures change their height without a change of the document
})();
</script>"""
"""Goes into the head of the widgets' page. Messages are moved to the part of the frame that is in view."""
