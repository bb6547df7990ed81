import { openPeerPair } from "../src/testing/index.ts";

await using pair = await openPeerPair();
const { laptop, desk } = pair;

await using _service = await desk.handle("shout", { from: ["laptop"] }, async (stream, { peer }) => {
  for await (const chunk of stream) await stream.write(Buffer.from(Buffer.from(chunk).toString().toUpperCase()));
  await stream.write(Buffer.from(`, ${peer}!`));
});

await using stream = await laptop.peer("desk").open("shout");
await stream.write(Buffer.from("all is well"));
await stream.end();
console.log(Buffer.concat(await Array.fromAsync(stream)).toString()); // ALL IS WELL, laptop!
