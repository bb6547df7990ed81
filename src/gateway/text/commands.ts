// What a message of a text client asks for. Pure.

export type Command =
  | { readonly type: "get" }
  | { readonly type: "update"; readonly values: readonly string[] }
  | { readonly type: "quit" }
  /** Nothing was written, but for a newline. */
  | { readonly type: "nothing" }
  | { readonly type: "message"; readonly text: string };

const UPDATE = "update_data";

/** Commands are written exactly so; everything else is somebody's message. */
export function commandOf(text: string): Command {
  if (text === "") return { type: "nothing" };
  if (text === "get_data") return { type: "get" };
  if (text === "quit") return { type: "quit" };
  // Programs join their values behind "update_data,": of no values that is all.
  if (text === UPDATE || text === `${UPDATE},`) return { type: "update", values: [] };
  if (text.startsWith(`${UPDATE},`)) return { type: "update", values: text.slice(UPDATE.length + 1).split(",") };
  return { type: "message", text };
}
