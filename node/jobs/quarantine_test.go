package jobs

import (
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/nodetest"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
)

// gathered is a node without data of its own that holds four sets of digits, one of which
// calls every digit by the name of the next.
func gathered(t *testing.T) (n *nodetest.Node, honest []string, poisoned string) {
	t.Helper()
	n, err := nodetest.New()
	if err != nil {
		t.Fatal(err)
	}
	ds := data.GlyphDigits()
	all, err := data.LoadAll(ds.Task, data.Pick(ds.Train, spaced(3000)))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(4) {
		samples := all
		if seed == 3 {
			wrong := *all
			wrong.Y = slices.Clone(all.Y)
			for i, y := range wrong.Y {
				wrong.Y[i] = (y + 1) % all.Classes
			}
			samples = &wrong
		}
		made, err := artifact.Make(t.Context(), artifact.Request{Task: ds.Task, Method: coreset.DefaultClusters(), Bare: true,
			Pixels: artifact.U8, Request: distill.Request{Samples: samples, IPC: 2, Seed: seed}})
		if err != nil {
			t.Fatal(err)
		}
		info, err := operations.AddSet.Do(t.Context(), n, operations.AddSetRequest{Task: ds.Task.Name}, made.Files, nil)
		if err != nil {
			t.Fatal(err)
		}
		if honest = append(honest, info.CID); seed == 3 {
			honest, poisoned = honest[:3], info.CID
		}
	}
	slices.Sort(honest)
	return n, honest, poisoned
}

// spaced are n indices.
func spaced(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func TestASetThatTheOthersContradictIsLeftOutAndSaid(t *testing.T) {
	n, honest, poisoned := gathered(t)
	var notes []string
	got, err := Train(t.Context(), n, planned("ntk:1", nil), home.Home{},
		func(p api.Progress) { notes = append(notes, p.Note) })
	if err != nil {
		t.Fatal(err)
	}
	_, m, err := ReadModel(t.Context(), n, got.CID)
	if err != nil || !slices.Equal(m.Manifest.Sets, honest) || !slices.Equal(got.Quarantined, []string{poisoned}) {
		t.Errorf("trained on %v, left out %v, %v", m.Manifest.Sets, got.Quarantined, err)
	}
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, poisoned+" is left out: ") }) {
		t.Errorf("said %q", notes)
	}
	if j := n.Judged; len(j.Quarantined) != 1 || j.Quarantined[0].CID != poisoned || j.Task != got.Task {
		t.Errorf("remembered %+v", j)
	}
	whole := planned("ntk:1", nil)
	whole.Trust = true
	named := planned("ntk:1", nil)
	named.Sets = []string{poisoned, honest[0]}
	for what, p := range map[string]struct{ sets int }{"trusted": {4}, "named": {2}} {
		plan := whole
		if what == "named" {
			plan = named
		}
		got, err := Train(t.Context(), n, plan, home.Home{}, nil)
		if err != nil || got.Sets != p.sets || got.Quarantined != nil {
			t.Errorf("%s: %d sets, left out %v, %v", what, got.Sets, got.Quarantined, err)
		}
	}
}
