// Branded ids: a text that went through the parser of its kind, and nothing else, has its type.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A peer's Ed25519 public key with a check part, as text: identity/peer-id.ts. */
export type PeerId = Branded<"PeerId">;
/** 64 hex digits: the BLAKE3 of a space's genesis record. */
export type SpaceId = Branded<"SpaceId">;
/** 64 hex digits: the BLAKE3 of an entry's signed bytes. */
export type EntryId = Branded<"EntryId">;
/** 64 hex digits: the BLAKE3 of (domain, size, root of the manifest). */
export type BlobId = Branded<"BlobId">;
/** 32 hex digits, drawn when a store is made and again when it turns out to be a copy. */
export type StoreId = Branded<"StoreId">;
/** 16 hex digits: one life of one author's clock, drawn together with the store's id. */
export type Incarnation = Branded<"Incarnation">;

/** "tcp://192.0.2.7:4747", "tcp://[2001:db8::1]:4747", "memory://7": the scheme names the transport, which parses the rest. */
export type Address = string;
