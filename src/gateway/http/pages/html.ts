// Text that is HTML, and the one way to make it: whatever is put into the template is escaped, unless it is such text already.

/** Made by `html` alone. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** Nothing is shown of `undefined` and `false`, so that `condition && html…` can stand in a template. */
type Piece = Html | string | number | undefined | false | readonly Piece[];

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const escaped = (text: string): string => text.replace(/[&<>"']/g, (mark) => ESCAPES[mark]!);

function rendered(piece: Piece): string {
  if (piece === undefined || piece === false) return "";
  if (typeof piece === "string") return escaped(piece);
  if (typeof piece === "number" || piece instanceof Html) return String(piece);
  return piece.map(rendered).join("");
}

/** For elements and for attributes in double quotes. */
export const html = (parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html =>
  new Html(parts.reduce((text, part, index) => text + rendered(pieces[index - 1]) + part));
