// Two pictures in one place: what lies left of the handle shows the first, what lies right of it the second.

export default function ({ data, parentElement }) {
  let place = parentElement.querySelector(".fovea-swipe");
  if (!place) {
    place = document.createElement("div");
    place.className = "fovea-swipe";
    place.style.cssText = "position:relative;display:grid;overflow:hidden;border-radius:8px;touch-action:pan-y";
    place.innerHTML =
      '<img class="second"><img class="first"><span class="left"></span><span class="right"></span><i></i>' +
      '<input type="range" min="0" max="100" value="50" step="0.5">';
    for (const each of place.querySelectorAll("img")) each.style.cssText = "grid-area:1/1;width:100%;display:block";
    const said = "position:absolute;top:8px;padding:2px 8px;border-radius:6px;background:#000a;color:#fff;font-size:13px;";
    place.querySelector(".left").style.cssText = said + "left:8px";
    place.querySelector(".right").style.cssText = said + "right:8px";
    place.querySelector("i").style.cssText =
      "position:absolute;top:0;bottom:0;width:3px;margin-left:-1.5px;background:#fff;box-shadow:0 0 4px #000;pointer-events:none";
    const handle = place.querySelector("input");
    handle.style.cssText = "grid-area:1/1;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize";
    const move = () => {
      place.querySelector(".first").style.clipPath = `inset(0 ${100 - handle.value}% 0 0)`;
      place.querySelector("i").style.left = `${handle.value}%`;
    };
    handle.addEventListener("input", move);
    move();
    parentElement.append(place);
  }
  const { first, second, left, right } = JSON.parse(data);
  place.querySelector(".first").src = first;
  place.querySelector(".second").src = second;
  place.querySelector(".first").alt = left;
  place.querySelector(".second").alt = right;
  place.querySelector(".left").textContent = left;
  place.querySelector(".right").textContent = right;
  place.querySelector("input").setAttribute("aria-label", `From ${left} to ${right}`);
}
