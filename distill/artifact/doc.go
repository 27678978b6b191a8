// Package artifact is how tasks, distilled sets and models are written down:
// the bytes that travel. Writers are deterministic, so the same content has
// the same CID everywhere; readers are strict: they bound, decode and verify
// everything before anything is used. The formats are in docs/formats.md.
package artifact
