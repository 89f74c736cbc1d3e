// Draws on canvases: the boxes over a picture, the network's input, and the saliency map.

const CERTAIN = "#00684b", DOUBTFUL = "#a33c00"; // told apart by the colour-blind; white text is readable on both

export function drawBoxes(canvas, answer, labels, chosen) {
  canvas.width = answer.width;
  canvas.height = answer.height;
  const context = canvas.getContext("2d");
  const size = Math.max(12, answer.width / 30); // the picture is shown as wide as its column
  if (Math.min(answer.width, answer.height) < 100) return; // the box is the picture, and a label would hide it
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "top";
  answer.faces.forEach((face, place) => {
    if (!face.box) return;
    const [left, top, right, bottom] = face.box;
    context.strokeStyle = context.fillStyle = face.flags.length ? DOUBTFUL : CERTAIN;
    context.lineWidth = (place === chosen ? 2 : 1) * Math.max(2, size / 8);
    context.strokeRect(left, top, right - left, bottom - top);
    const text = labels[place], width = context.measureText(text).width + size / 2, height = size * 1.4;
    const x = Math.max(0, Math.min(left, answer.width - width));
    const y = top >= height ? top - height : Math.min(bottom, answer.height - height);
    context.fillRect(x, y, width, height);
    context.fillStyle = "#ffffff";
    context.fillText(text, x + size / 4, y + size / 5);
  });
}

export async function drawInput(canvas, png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.getContext("2d").drawImage(image, 0, 0);
}

// Orange speaks for the class, blue against it; the face shows through.
export function drawMap(canvas, input, map) {
  canvas.width = canvas.height = map.side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(input, 0, 0);
  const pixels = context.getImageData(0, 0, map.side, map.side);
  map.values.forEach((value, place) => {
    const share = Math.min(1, Math.abs(value) / 100), colour = value > 0 ? [230, 110, 0] : [0, 114, 230];
    for (let channel = 0; channel < 3; channel += 1) {
      const at = 4 * place + channel, face = 0.75 * pixels.data[at];
      pixels.data[at] = face + share * (colour[channel] - face);
    }
  });
  context.putImageData(pixels, 0, 0);
}
