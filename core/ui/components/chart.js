// A Plotly chart that stays the same chart while its data grow, so that the visitor's zoom is kept.
// Streamlit calls this again with every new figure; Plotly.react then moves the lines only.

let loading;

function loadPlotly() {
  loading ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = "/plotly.min.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => fail(new Error("The charts' program could not be loaded from this server."));
    document.head.append(script);
  });
  return loading;
}

function inTheme(layout, place) {
  const style = getComputedStyle(place);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const line = { gridcolor: read("border-color"), linecolor: read("border-color"), zeroline: false };
  const tip = { bgcolor: read("background-color"), bordercolor: read("border-color"), font: { color: read("text-color") } };
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: read("font"), size: 13, color: read("text-color") },
    hoverlabel: tip,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: read("border-color"), activecolor: read("primary-color") },
    xaxis: { ...layout.xaxis, ...line, showgrid: false },
    yaxis: { ...layout.yaxis, ...line },
  };
}

// Tell the page which part is looked at, so that it sends every point of it.
function tellZoom(place, setStateValue) {
  place.on("plotly_relayout", (change) => {
    if ("xaxis.range[0]" in change) setStateValue("zoom", [change["xaxis.range[0]"], change["xaxis.range[1]"]]);
    else if (change["xaxis.autorange"]) setStateValue("zoom", null);
  });
}

export default async function ({ data, parentElement, setStateValue }) {
  const figure = JSON.parse(data);
  let place = parentElement.querySelector(".fovea-chart");
  if (!place) {
    place = document.createElement("div");
    place.className = "fovea-chart";
    place.setAttribute("role", "img");
    parentElement.append(place);
    new ResizeObserver(() => place._fullLayout && place.offsetParent && window.Plotly.Plots.resize(place)).observe(place);
  }
  place.setAttribute("aria-label", figure.alt);
  place.style.height = `${figure.layout.height}px`;
  const Plotly = await loadPlotly();
  await Plotly.react(place, figure.data, inTheme(figure.layout, place), figure.config);
  if (!place.tells) tellZoom(place, setStateValue);
  place.tells = true;
}
