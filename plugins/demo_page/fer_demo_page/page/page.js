// The page: a picture or a camera's frames go to the server that sent it, and what it answers is shown.
// Everything from the run or the server enters as text, never as HTML.

import { drawBoxes, drawInput, drawMap } from "./drawing.js";

const FRAME_SIDE = 640; // pixels; larger frames cost time and find no more faces in front of a camera
const at = (id) => document.getElementById(id);
const FLAGS = {
  no_face: "no face was found",
  small: "the face is small: it is enlarged more than twice",
  blurred: "the face is blurred",
  uncertain: "no class has a probability of a half",
};
const METHODS = {
  occlusion: (peak, name) =>
    `Orange: covering this spot with the mean grey lowers the probability of ${name}, by ${(100 * peak).toFixed(1)} ` +
    "points at most. Blue: covering raises it.",
  gradient: (peak, name) => `Orange: a small change of this pixel changes the score of ${name} most.`,
  smoothgrad: (peak, name) => `Orange: a small change of this pixel changes the score of ${name} most, mean of 25 noisy copies.`,
  grad_cam: (peak, name) => `Orange: where the last convolution found what speaks for ${name}.`,
};
let run, answer, chosen = 0, stream = null, picture = null, asked = 0, mapped = 0, spoken = 0;

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

async function ask(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Error("The server does not answer. Is fer demo still running?");
  }
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  return content;
}

function tell(text, isError = false) {
  at("status").textContent = text;
  at("status").className = isError ? "error" : "";
}

function hint(text) {
  at("hint").textContent = text;
  at("hint").hidden = !text;
}

// ---- the run

const number = (value) => (typeof value === "number" ? value.toFixed(3) : "-");

function cell([value, low, high]) {
  const made = element("td", number(value));
  if (typeof low === "number") made.append(" ", element("span", `[${number(low)}, ${number(high)}]`));
  return made;
}

// Fills a table: a column for each group of images, a row for each [title, function from a group to value, low, high].
function fillTable(table, rows) {
  const titles = { all: "all images", without: "without copies" }, groups = Object.entries(run.scores.groups);
  const head = element("tr"), columns = groups.map(([key, group]) => `${titles[key]} (${group.n.toLocaleString("en")})`);
  head.append(...["score", ...columns].map((text) => Object.assign(element("th", text), { scope: "col" })));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows.map(([title, read]) => {
    const row = element("tr");
    row.append(Object.assign(element("th", title), { scope: "row" }), ...groups.map(([, group]) => cell(read(group) ?? [])));
    return row;
  }));
}

function showRun() {
  const { name, scores, card, warnings, maps, detector } = run;
  document.title = `${name}: facial expression demo`;
  at("name").textContent = name;
  at("summary").textContent = detector[0].toUpperCase() + detector.slice(1) + ".";
  at("warnings").replaceChildren(...warnings.map((text) => element("li", text)));
  at("warnings").hidden = !warnings.length;
  at("method").replaceChildren(...["occlusion", ...maps.filter((map) => map !== "occlusion")].map((map) => {
    const option = element("option", map.replace("_", "-"));
    option.value = map;
    return option;
  }));
  at("card").replaceChildren(...card.flatMap(([key, text]) => [element("dt", key), element("dd", text)]));
  if (!scores) {
    at("scores-text").textContent = "No scores are recorded with this checkpoint.";
    return;
  }
  at("scores-text").textContent =
    `Of the ${scores.split} split of ${scores.data}, with 95 % intervals ${scores.over}. ` + (scores.groups.without
      ? "Without copies: images that have an exact or near copy among the training images are left out."
      : "No image is known to have a copy among the training images.");
  fillTable(at("scores"), Object.entries(scores.titles).map(([metric, title]) => [title, (group) => group.summary[metric]]));
}

// ---- an answer

function showAnswer(live) {
  const seen = answer.faces.filter((face) => face.probabilities);
  chosen = Math.min(chosen, Math.max(0, seen.length - 1));
  const labels = answer.faces.map((face, place) => face.probabilities
    ? `${seen.length > 1 ? `${place + 1} ` : ""}${run.classes[face.predicted]} ${face.probabilities[face.predicted].toFixed(2)}` : "");
  at("boxes").hidden = false;
  drawBoxes(at("boxes"), answer, labels, chosen);
  at("empty").hidden = seen.length > 0;
  at("result").hidden = !seen.length;
  if (!seen.length) {
    at("empty").textContent = "No face was found. If the picture is a face already, tick “The whole picture is one face”.";
    speak("No face was found.", live);
    return;
  }
  at("faces").hidden = seen.length < 2;
  at("faces").replaceChildren(...seen.map((face, place) => {
    const button = element("button", `Face ${place + 1}`);
    button.type = "button";
    button.setAttribute("aria-pressed", String(place === chosen));
    button.addEventListener("click", () => { chosen = place; showAnswer(false); at("faces").children[place].focus(); });
    return button;
  }));
  const face = seen[chosen], name = run.classes[face.predicted];
  at("sentence").replaceChildren(element("strong", name), ` with probability ${face.probabilities[face.predicted].toFixed(2)}`);
  showBars(face);
  const flags = face.flags.map((flag) => FLAGS[flag] ?? flag).join("; ");
  at("flags").textContent = flags && `Doubtful: ${flags}.`;
  showEvidence(name);
  const faces = seen.length === 1 ? "1 face" : `${seen.length} faces`;
  speak(`${faces}: ${seen.map((each) => run.classes[each.predicted]).join(", ")}. ${answer.milliseconds.toFixed(0)} ms, detector ${answer.detector}.`, live);
  at("explanation").hidden = at("map-title").hidden = live;
  if (!live) explain(face);
}

function showBars(face) {
  const body = document.querySelector("#bars tbody");
  if (body.children.length !== run.classes.length) {
    body.replaceChildren(...run.classes.map((name) => {
      const row = element("tr"), cell = element("td");
      cell.append(element("div"));
      row.append(Object.assign(element("th", name), { scope: "row" }), cell, element("td"));
      return row;
    }));
  }
  face.probabilities.forEach((value, place) => {
    const row = body.children[place];
    row.className = place === face.predicted ? "top" : "";
    row.querySelector("div").style.width = `${100 * value}%`;
    row.lastChild.textContent = value.toFixed(3);
  });
}

function showEvidence(name) {
  const { scores } = run;
  at("evidence").hidden = !scores;
  at("evidence-text").textContent = scores
    ? `On the ${scores.split} split of ${scores.data}. Precision: of the images predicted ${name}, the share ` +
      `that is labelled ${name}. Recall: of those labelled ${name}, the share that is predicted ${name}. ` +
      `95 % intervals: of precision and recall over images, of the accuracy ${scores.over}.`
    : "Not known: no scores are recorded with this checkpoint.";
  if (!scores) return;
  fillTable(at("evidence"), [
    ...["precision", "recall"].map((metric) => [`${metric} of ${name}`, (group) => group.classes[name]?.[metric]]),
    ["accuracy, all classes", (group) => group.summary.accuracy],
  ]);
}

// A screen reader hears each still answer, and a stream's at most every three seconds.
function speak(text, live) {
  if (live && performance.now() - spoken < 3000) return;
  spoken = performance.now();
  tell(text);
}

async function explain(face) {
  const ticket = ++mapped, method = at("method").value, name = run.classes[face.predicted];
  at("map-text").textContent = "Computing …";
  await drawInput(at("input"), face.input);
  at("map").width = at("input").width; // which clears it
  try {
    const map = await ask(`api/saliency?method=${method}&class=${face.predicted}`, { method: "POST", body: decode(face.input) });
    if (ticket !== mapped) return;
    drawMap(at("map"), at("input"), map);
    const text = METHODS[method]?.(map.peak, name) ?? "";
    at("map-text").textContent = text;
    at("map").setAttribute("aria-label", `Saliency map by ${method}. ${where(map)}`);
  } catch (error) {
    if (ticket === mapped) at("map-text").textContent = error.message;
  }
}

const decode = (base64) => new Blob([Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0))], { type: "image/png" });

function where(map) {
  const peak = map.values.indexOf(Math.max(...map.values)), part = (place) => Math.round((100 * place) / map.side);
  return `Most counts the spot ${part(peak % map.side)} % from the left and ${part(Math.floor(peak / map.side))} % from the top of the face.`;
}

// ---- pictures

async function predict(blob, live) {
  const ticket = ++asked;
  try {
    const got = await ask(`api/predict?frame=${Number(live || picture?.frame)}&whole=${Number(at("whole").checked)}`, { method: "POST", body: blob });
    if (ticket !== asked || live !== (stream !== null)) return;
    answer = got;
    showAnswer(live);
  } catch (error) {
    if (ticket !== asked) return;
    tell(error.message, true);
    if (live) return stopCamera();
    at("result").hidden = at("boxes").hidden = true;
    at("empty").hidden = false;
  }
}

function showPicture(blob, frame = false) {
  if (!run) return;
  stopCamera();
  chosen = 0;
  if (picture) URL.revokeObjectURL(picture.url);
  picture = { blob, frame, url: URL.createObjectURL(blob) };
  const still = at("still");
  still.hidden = false;
  hint("");
  still.src = picture.url;
  still.onload = () => at("view").classList.toggle("small", Math.min(still.naturalWidth, still.naturalHeight) <= 128);
  still.onerror = () => {
    still.hidden = true;
    hint("Your browser cannot show a file of this kind");
  };
  at("boxes").hidden = true;
  at("view").classList.add("full");
  if (blob.size > run.largest) {
    at("result").hidden = true;
    return tell(`This picture is larger than ${run.largest / 1e6} MB. Shrink it.`, true);
  }
  tell("Reading …");
  return predict(blob, false);
}

// ---- camera

const CAMERA_ERRORS = {
  NotAllowedError: "The browser may not use the camera. Allow it in the address bar, then start the camera again.",
  NotFoundError: "No camera was found. Connect one, or choose a picture.",
  NotReadableError: "The camera is used by another program. Close that, then start the camera again.",
};

async function startCamera() {
  if (!navigator.mediaDevices) {
    return tell(`Browsers give the camera only to pages at localhost. Open http://localhost:${location.port} on the machine that runs fer demo, or choose a picture.`, true);
  }
  const video = at("video");
  at("camera").disabled = true; // until it runs: a second click would start a second one
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: FRAME_SIDE }, facingMode: "user" } });
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stopCamera();
    return tell(CAMERA_ERRORS[error.name] ?? `The camera cannot be used: ${error.message}`, true);
  } finally {
    at("camera").disabled = false;
  }
  const own = stream;
  at("still").hidden = at("boxes").hidden = true;
  hint("");
  at("view").classList.add("full");
  at("view").classList.remove("small");
  video.hidden = false;
  setCamera(true);
  stream.getVideoTracks()[0].addEventListener("ended", () => { if (stream === own) { stopCamera(); tell("The camera was disconnected.", true); } });
  tell("Reading …");
  while (stream === own) {
    const frame = await grab();
    if (stream === own) await predict(frame, true); // a snapshot may have ended the stream meanwhile
  }
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  at("video").hidden = true;
  setCamera(false);
}

function setCamera(on) {
  at("camera").textContent = on ? "Stop camera" : "Start camera";
  at("snapshot").disabled = !on;
}

function grab(type = "image/jpeg") {
  const video = at("video"), scale = Math.min(1, FRAME_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scale * video.videoWidth);
  canvas.height = Math.round(scale * video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
}

at("camera").addEventListener("click", () => {
  if (!stream) return startCamera();
  stopCamera();
  at("boxes").hidden = true;
  hint("Drop or paste a picture here");
  at("view").classList.remove("full");
  tell("The camera is off.");
});
at("snapshot").addEventListener("click", async () => showPicture(await grab("image/png"), true));
at("file").addEventListener("change", () => { if (at("file").files.length) showPicture(at("file").files[0]); at("file").value = ""; });
at("whole").addEventListener("change", () => { if (!stream && picture) predict(picture.blob, false); });
at("method").addEventListener("change", () => explain(answer.faces.filter((face) => face.probabilities)[chosen]));
document.addEventListener("dragover", (event) => { event.preventDefault(); at("view").classList.add("over"); });
document.addEventListener("dragleave", () => at("view").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("view").classList.remove("over");
  if (event.dataTransfer.files.length) showPicture(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) showPicture(event.clipboardData.files[0]); });

try {
  run = await ask("api/run");
  showRun();
  for (const id of ["camera", "file"]) at(id).disabled = false;
} catch (error) {
  tell(error.message, true);
}
