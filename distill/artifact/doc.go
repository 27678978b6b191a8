// Package artifact makes distilled sets, and encodes tasks, sets and models as
// they are stored and sent. Make is the only way from samples to a written set,
// and Request.Size predicts its size. Writers are deterministic, so the same content has
// the same CID everywhere; readers are strict: they bound, decode and verify
// everything before anything is used. The formats are in docs/formats.md.
package artifact
