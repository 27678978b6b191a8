// Package artifact makes distilled sets, and is how tasks, sets and models are
// written down: the bytes that travel. Make is the one way from samples to a
// written set, and Request.Size says what it will weigh. Writers are deterministic, so the same content has
// the same CID everywhere; readers are strict: they bound, decode and verify
// everything before anything is used. The formats are in docs/formats.md.
package artifact
