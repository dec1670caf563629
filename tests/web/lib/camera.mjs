// A picture as the film of Chromium's fake camera.

import { writeFile } from "node:fs/promises";

import { launch } from "./browser.mjs";

const [WIDTH, HEIGHT] = [640, 480];

/** Writes a film that shows an SVG, and returns Chromium's arguments to use it as its camera. */
export async function film(svg, file) {
    const light = Buffer.from(await brightness(svg));
    const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
    const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420\n`);
    const frame = Buffer.concat([Buffer.from("FRAME\n"), light, colour]);
    await writeFile(file, Buffer.concat([head, frame, frame]));
    return ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${file}`];
}

/** Draws the SVG in the middle of a grey picture, turned a little as a hand would hold it. */
async function brightness(svg) {
    const browser = await launch();
    try {
        const page = await browser.newPage();
        return await page.evaluate(
            async ({ svg, width, height }) => {
                const image = new Image();
                image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
                await image.decode();
                const canvas = new OffscreenCanvas(width, height);
                const context = canvas.getContext("2d");
                context.fillStyle = "#9a9a9a";
                context.fillRect(0, 0, width, height);
                context.translate(width / 2, height / 2);
                context.rotate(0.12);
                context.drawImage(image, -150, -150, 300, 300);
                const { data } = context.getImageData(0, 0, width, height);
                return Array.from({ length: width * height }, (_, pixel) => data[pixel * 4]);
            },
            { svg, width: WIDTH, height: HEIGHT },
        );
    } finally {
        await browser.close();
    }
}
