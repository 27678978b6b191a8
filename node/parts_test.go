package node

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
)

// emptyPart registers the built-in digits' parts under a split that leaves clients
// with nothing, the empty ones too, as versions did that did not refuse them. It
// returns an empty part and one that holds samples.
func emptyPart(t *testing.T, c *Node) (empty, held state.DataEntry) {
	t.Helper()
	ctx := context.Background()
	all, err := localdata.Split(ctx, c, "glyph-digits", data.Split{Kind: data.Dirichlet, Alpha: .01, Clients: 30}, -1)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(e state.DataEntry) bool { return e.Samples() == 0 })
	j := slices.IndexFunc(all, func(e state.DataEntry) bool { return e.Samples() > 0 })
	if i < 0 || j < 0 {
		t.Fatalf("want empty parts and others, got %v", all)
	}
	listed, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(listed, func(e state.DataEntry) bool { return e.Name == all[i].Name }) {
		t.Errorf("empty part %s is registered", all[i].Name)
	}
	if !slices.ContainsFunc(listed, func(e state.DataEntry) bool { return e.Name == all[j].Name }) {
		t.Errorf("part %s is not registered", all[j].Name)
	}
	return all[i], all[j]
}

func TestAnEmptyPartIsNeverTheWholeDataSet(t *testing.T) {
	ctx := context.Background()
	_, c, _ := offline(t)
	empty, held := emptyPart(t, c)
	refused := func(what string, err error) {
		t.Helper()
		if d := Describe(err); err == nil || d.Code != api.CodeUsage || d.Hint == "" {
			t.Errorf("%s: %v (%v)", what, err, d)
		}
	}
	_, err := localdata.Split(ctx, c, "glyph-digits", *empty.Split, empty.Part)
	refused("registering it by number", err)

	// A home may hold it from before.
	if err := c.held.State.Register(empty); err != nil {
		t.Fatal(err)
	}
	_, err = jobs.Distill(ctx, c, jobs.DistillOptions{Data: empty.Name, Method: "gmm", IPC: 1}, nil)
	refused("distill", err)
	_, err = localdata.Open(ctx, c, empty.Name)
	refused("open", err)
	bad := empty
	bad.Name, bad.Part = "glyph-digits.wild", 30
	if err := c.held.State.Register(bad); err != nil {
		t.Fatal(err)
	}
	_, err = localdata.Open(ctx, c, bad.Name)
	refused("open a part that no split has", err)

	part, err := localdata.Open(ctx, c, held.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(part.Train.Labels()); got != held.Samples() {
		t.Errorf("%s opens with %d samples, holds %d", held.Name, got, held.Samples())
	}
	test, err := localdata.TestDataFor(ctx, c, held.Task, nil)
	if err != nil || test == nil || test.Entry.Name == empty.Name {
		t.Errorf("test data: %v, %v", test, err)
	}
}

// A set that an older version made of an empty part holds the data of the others.
func TestASetOfAnEmptyPartIsNotPublished(t *testing.T) {
	ctx := context.Background()
	_, c, name := offline(t)
	made, err := jobs.Distill(ctx, c, jobs.DistillOptions{Data: name, Method: "gmm", IPC: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operations.Publish.Do(ctx, c, operations.PublishRequest{CID: made.CID, DryRun: true},
		nil); err != nil {
		t.Fatalf("from a part with samples: %v", err)
	}
	empty, _ := emptyPart(t, c)
	root, err := cid.Decode(made.CID)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.held.State.Register(empty), c.held.State.AddOrigin(root, empty.Name)); err != nil {
		t.Fatal(err)
	}
	for _, req := range []operations.PublishRequest{{CID: made.CID}, {CID: made.CID, AllowReal: true},
		{CID: made.CID, DryRun: true}} {
		_, err := operations.Publish.Do(ctx, c, req, nil)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeRefused || e.Hint == "" {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if l, err := jobs.DryRun(ctx, c, made.CID); err != nil || l.Disclosure != nil {
		t.Errorf("dry run: %v, %v", l, err)
	}
}
