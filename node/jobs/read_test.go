package jobs

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/nodetest"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// counter is a connection that counts the operations that run over it.
type counter struct {
	api.Conn
	calls map[string]int
}

func counting(c api.Conn) counter { return counter{c, map[string]int{}} }

func (c counter) Call(ctx context.Context, call *api.Call) error {
	c.calls[call.Op]++
	return c.Conn.Call(ctx, call)
}

func TestATrainingAsksForItsTaskOnceAndReadsEachSetOnce(t *testing.T) {
	n, name := digits(t)
	for seed := range uint64(3) {
		made(t, n, name, seed)
	}
	for what, named := range map[string]bool{"all sets that are here": false, "sets by name": true} {
		p := planned("ridge", recipe.Patch(nil))
		if named {
			held, err := operations.HeldSets.Do(t.Context(), n, operations.TaskRequest{Name: taskCID(t, n)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			p.Sets = held
		}
		c := counting(n)
		if _, err := Train(t.Context(), c, p, home.Home{}, nil); err != nil {
			t.Fatal(err)
		}
		// The other times it is that of the test data, and of the data that unnamed sets are judged with.
		want := 2
		if !named {
			want++
		}
		tasks, reads := c.calls[string(operations.ShowTask)], c.calls[string(operations.Read)]
		if tasks != want || reads != 3 {
			t.Errorf("%s: asked %d times for the task and %d times for three sets: %v", what, tasks, reads, c.calls)
		}
	}
}

func taskCID(t *testing.T, n *nodetest.Node) string {
	t.Helper()
	info, err := operations.ShowTask.Do(t.Context(), n, operations.TaskRequest{Name: "glyph-digits"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return info.CID
}

func TestSetsAreReadInOrderOnceAndOfOneTaskAlone(t *testing.T) {
	n, name := digits(t)
	one, two := made(t, n, name, 1), made(t, n, name, 2)
	want := []string{one.CID, two.CID}
	slices.Sort(want)
	task := data.WellKnownTask("glyph-digits")
	roots, sets, err := ReadSets(t.Context(), n, task, []string{two.CID, one.CID, two.CID})
	if err != nil || !slices.Equal(roots, want) || len(sets) != 2 {
		t.Fatalf("read %v, %d sets, %v; want %v", roots, len(sets), err, want)
	}
	for i, s := range sets {
		again, err := ReadSet(t.Context(), n, roots[i])
		if err != nil || !slices.Equal(again.Samples.X, s.Samples.X) {
			t.Errorf("set %d is another than %s: %v", i, roots[i], err)
		}
	}
	_, _, err = ReadSets(t.Context(), n, data.WellKnownTask("mnist"), want)
	if d := api.Describe(err); d.Code != api.CodeUsage || !strings.Contains(d.Message, "not of task mnist") {
		t.Errorf("of another task: %v", err)
	}
}

// The bytes that a set is said to weigh are those of its blocks.
func TestASetWeighsWhatItsBlocksDo(t *testing.T) {
	n, name := digits(t)
	for method, ipc := range map[string]int{"gmm": 1, "random": 4} {
		info, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: method, IPC: ipc}, nil)
		if err != nil {
			t.Fatal(err)
		}
		files := n.Kept(info.CID).Files
		_, stat, err := blocks.RootOf(files)
		if err != nil || files.Bytes() != stat.Bytes || info.Bytes != stat.Bytes {
			t.Errorf("%s: said to weigh %d and %d bytes, its blocks %d (%v)", method, files.Bytes(), info.Bytes, stat.Bytes, err)
		}
	}
}

// What distill says of publishing is what publish will do.
func TestADistillationSaysWhetherItMayLeave(t *testing.T) {
	n, name := digits(t)
	for method, real := range map[string]bool{"gmm": false, "random": true} {
		got, err := Distill(t.Context(), n, DistillOptions{Data: name, Method: method, IPC: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if (got.Refused != nil) != real {
			t.Errorf("%s: refused with %v", method, got.Refused)
		}
	}
}
