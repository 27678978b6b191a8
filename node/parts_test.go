package node

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/train/data"
)

// emptyPart registers the built-in digits' parts under a split that leaves clients
// with nothing, the empty ones too, as versions did that did not refuse them. It
// returns an empty part and one that holds samples.
func emptyPart(t *testing.T, c Conn) (empty, held DataEntry) {
	t.Helper()
	ctx := context.Background()
	all, err := SplitData(ctx, c, "glyph-digits", data.Split{Kind: data.Dirichlet, Alpha: .01, Clients: 30}, -1)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(e DataEntry) bool { return e.Samples() == 0 })
	j := slices.IndexFunc(all, func(e DataEntry) bool { return e.Samples() > 0 })
	if i < 0 || j < 0 {
		t.Fatalf("want empty parts and others, got %v", all)
	}
	listed, err := ListData.Do(ctx, c, None{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(listed, func(e DataEntry) bool { return e.Name == all[i].Name }) {
		t.Errorf("empty part %s is registered", all[i].Name)
	}
	if !slices.ContainsFunc(listed, func(e DataEntry) bool { return e.Name == all[j].Name }) {
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
		if d := Describe(err); err == nil || d.Code != CodeUsage || d.Hint == "" {
			t.Errorf("%s: %v (%v)", what, err, d)
		}
	}
	_, err := SplitData(ctx, c, "glyph-digits", *empty.Split, empty.Part)
	refused("registering it by number", err)

	// A home may hold it from before.
	n := c.(*Node)
	if err := n.notes.change(func(all *notes) { all.Data[empty.Name] = empty }); err != nil {
		t.Fatal(err)
	}
	_, err = Distill(ctx, c, DistillOptions{Data: empty.Name, Method: "gmm", IPC: 1}, nil)
	refused("distill", err)
	_, err = OpenLocal(ctx, c, empty.Name)
	refused("open", err)
	bad := empty
	bad.Name, bad.Part = "glyph-digits.wild", 30
	if err := n.notes.change(func(all *notes) { all.Data[bad.Name] = bad }); err != nil {
		t.Fatal(err)
	}
	_, err = OpenLocal(ctx, c, bad.Name)
	refused("open a part that no split has", err)

	part, err := OpenLocal(ctx, c, held.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(part.Train.Labels()); got != held.Samples() {
		t.Errorf("%s opens with %d samples, holds %d", held.Name, got, held.Samples())
	}
	test, err := testDataFor(ctx, c, held.Task, nil)
	if err != nil || test == nil || test.Entry.Name == empty.Name {
		t.Errorf("test data: %v, %v", test, err)
	}
}

// A set that an older version made of an empty part holds the data of the others.
func TestASetOfAnEmptyPartIsNotPublished(t *testing.T) {
	ctx := context.Background()
	_, c, name := offline(t)
	made, err := Distill(ctx, c, DistillOptions{Data: name, Method: "gmm", IPC: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Publish.Do(ctx, c, PublishRequest{CID: made.CID, DryRun: true}, nil); err != nil {
		t.Fatalf("from a part with samples: %v", err)
	}
	empty, _ := emptyPart(t, c)
	root, err := cid.Decode(made.CID)
	if err != nil {
		t.Fatal(err)
	}
	err = c.(*Node).notes.change(func(all *notes) { all.Data[empty.Name], all.Origins[root.String()] = empty, empty.Name })
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []PublishRequest{{CID: made.CID}, {CID: made.CID, AllowReal: true}, {CID: made.CID, DryRun: true}} {
		_, err := Publish.Do(ctx, c, req, nil)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeRefused || e.Hint == "" {
			t.Errorf("%+v: %v", req, err)
		}
	}
	if l, err := DryRun(ctx, c, made.CID); err != nil || l.Disclosure != nil {
		t.Errorf("dry run: %v, %v", l, err)
	}
}
