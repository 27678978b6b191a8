package catalogue

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"

	"log/slog"
)

// BenchmarkClaims reads the claims about the sets of a task, as each look of a trainer does:
// the first time, when all are new, and again.
func BenchmarkClaims(b *testing.B) {
	task, err := artifact.TaskCID(data.WellKnownTask("glyph-digits"))
	if err != nil {
		b.Fatal(err)
	}
	body, err := EncodeBody(SetBody{Method: "gmm", Images: 10, Counts: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Formation: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1000, 7000} {
		held, err := holdings.Open(b.TempDir(), holdings.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer held.Close()
		held.Book.Reserve(task)
		var key crypto.PrivKey
		for i := range n {
			if i%1000 == 0 {
				if key, _, err = crypto.GenerateEd25519Key(rand.Reader); err != nil {
					b.Fatal(err)
				}
			}
			root, err := artifact.RawCID([]byte(fmt.Sprint("set ", i)))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := held.Book.Issue(b.Context(), key, announce.Announcement{Task: task, Kind: announce.Offer,
				Subject: announce.SubjectSet, Root: root, Bytes: 5000, Blocks: 4, Schema: SchemaSet, Body: body}); err != nil {
				b.Fatal(err)
			}
		}
		known := New(held, "self", 100, slog.New(slog.DiscardHandler))
		look := func(b *testing.B) {
			if got := len(known.Claims(b.Context(), announce.Query{Task: task, Subject: announce.SubjectSet})); got != n {
				b.Fatalf("%d claims, want %d", got, n)
			}
		}
		b.Run(fmt.Sprintf("%d new", n), func(b *testing.B) {
			for b.Loop() {
				known.memory = memory{}
				look(b)
			}
		})
		b.Run(fmt.Sprintf("%d known", n), func(b *testing.B) {
			for b.Loop() {
				look(b)
			}
		})
	}
}
