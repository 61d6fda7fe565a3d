"use strict";
// The film: the slider moves the strip of pictures of every run, and says cost and accuracy of the moment.
const film = document.getElementById("film");
if (film) {
  const [slider, play, clock] = ["input", "button", "output"].map((name) => film.querySelector(name));
  const moments = JSON.parse(film.dataset.moments), last = Number(film.dataset.last);
  const panels = [...film.querySelectorAll("figure[data-told]")].map((figure) => ({
    picture: figure.querySelector("img"),
    now: figure.querySelector(".now"),
    told: JSON.parse(figure.dataset.told),
  }));
  const percent = (share) => (share === null ? "–" : (100 * share).toFixed(1) + " %");
  let timer = 0;

  const show = () => {
    const updates = moments[slider.value];
    for (const { picture, now, told } of panels) {
      const place = Math.max(0, told.findLastIndex((entry) => entry[0] <= updates));
      const [, cost, train, test] = told[place];
      picture.style.objectPosition = `50% ${told.length > 1 ? (100 * place) / (told.length - 1) : 0}%`;
      now.textContent = `cost ${cost === null ? "not finite" : cost.toFixed(3)}, train ${percent(train)}, test ${percent(test)}`;
    }
    for (const moment of film.querySelectorAll(".moment"))
      moment.setAttribute("transform", `translate(${(moment.dataset.width * updates) / last})`);
    clock.textContent = `after ${updates.toLocaleString("en")} updates`;
    slider.setAttribute("aria-valuetext", clock.textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const step = () => {
    slider.stepUp();
    show();
    if (slider.value === slider.max) stop();
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    show();
    timer = setInterval(step, Math.min(400, 8000 / moments.length));
    play.textContent = "Pause";
  });
  slider.addEventListener("input", () => { stop(); show(); });
  slider.value = slider.max; // a browser that goes back would keep the old place
  document.documentElement.classList.add("film");
  show();
}
