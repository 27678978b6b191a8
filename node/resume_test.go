package node

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/train/data"
)

// offline is a fresh home with one client's built-in digits, and its node.
func offline(t testing.TB) (home.Home, *Node, string) {
	t.Helper()
	h := home.Home{Path: t.TempDir()}
	if _, _, err := h.Init("edge"); err != nil {
		t.Fatal(err)
	}
	c, err := OpenOffline(h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := localdata.Add(context.Background(), c, data.GlyphPath, localdata.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	split := data.Split{Kind: data.Ring, Clients: 100, PerClient: 2}
	if _, err := localdata.Split(context.Background(), c, "glyph-digits", split, 0); err != nil {
		t.Fatal(err)
	}
	return h, c, split.PartName("glyph-digits", 0)
}

func TestAnInterruptedDistillationResumesToTheSameSet(t *testing.T) {
	h, c, name := offline(t)
	opt := jobs.DistillOptions{Data: name, Method: "kip", Options: map[string]string{"steps": "60"}, IPC: 1,
		Pixels: artifact.F32}
	want, err := jobs.Distill(context.Background(), c, opt, nil) // in one go, without a home
	if err != nil {
		t.Fatal(err)
	}
	opt.Home = h
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = jobs.Distill(ctx, c, opt, func(p api.Progress) {
		if p.Stage == "distill" && p.Done >= 30 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || Describe(err).Code != api.CodeStopped {
		t.Fatalf("interrupted: got %v (%s)", err, Describe(err).Code)
	}
	states := func() []string {
		found, err := filepath.Glob(filepath.Join(h.Path, "distilling", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if n := len(states()); n != 1 {
		t.Fatalf("%d states are kept, want 1", n)
	}
	resumed, first := false, int64(0)
	got, err := jobs.Distill(context.Background(), c, opt, func(p api.Progress) {
		resumed = resumed || p.Stage == "resume an interrupted distillation"
		if p.Stage == "distill" && first == 0 {
			first = p.Done
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.CID != want.CID || !resumed || first <= 30 || len(states()) != 0 {
		t.Errorf("resumed %t at step %d to %s, in one go %s; states left: %v", resumed, first, got.CID, want.CID,
			states())
	}
}
