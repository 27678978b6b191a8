package nodetest

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
)

func node(t *testing.T) *Node {
	t.Helper()
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestItKnowsBuiltInAndAddedTasks(t *testing.T) {
	n := node(t)
	own := &data.Task{Version: data.TaskVersion, Name: "own", Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}}
	doc, err := artifact.EncodeTask(own)
	if err != nil {
		t.Fatal(err)
	}
	added, err := operations.AddTask.Do(t.Context(), n, operations.AddTaskRequest{Document: doc}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, builtIn := range map[string]bool{"mnist": true, "own": false, added.CID: false} {
		got, err := operations.ShowTask.Do(t.Context(), n, operations.TaskRequest{Name: name}, nil)
		if err != nil || got.BuiltIn != builtIn {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := operations.ShowTask.Do(t.Context(), n, operations.TaskRequest{Name: "none"}, nil); err == nil {
		t.Error("it knows a task that nobody added")
	}
}

func TestItRefusesWhatANodeWouldRefuse(t *testing.T) {
	n := node(t)
	junk := fstest.MapFS{artifact.ManifestFile: {Data: []byte("{}")}}
	_, set := operations.AddSet.Do(t.Context(), n, operations.AddSetRequest{Task: "mnist"}, junk, nil)
	_, model := operations.AddModel.Do(t.Context(), n, operations.AddModelRequest{Task: "mnist"}, junk, nil)
	for name, err := range map[string]error{"set": set, "model": model} {
		if !errors.Is(err, artifact.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	held, err := operations.HeldSets.Do(t.Context(), n, operations.TaskRequest{Name: "mnist"}, nil)
	if err != nil || len(held) != 0 {
		t.Errorf("it holds %v, %v", held, err)
	}
	if _, _, err := operations.Read.Do(t.Context(), n, operations.RootRequest{CID: "x"}, nil); err == nil {
		t.Error("it reads what it does not hold")
	}
}

func TestItFailsWhereATestSaysSo(t *testing.T) {
	n := node(t)
	full := errors.New("full")
	n.Fail[string(operations.RegisterData)] = full
	req := []operations.DataRegistration{{DataEntry: state.DataEntry{Name: "a"}}}
	if _, err := operations.RegisterData.Do(t.Context(), n, req, nil); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	n.Register(state.DataEntry{Name: "a", Part: 1})
	n.Register(state.DataEntry{Name: "a", Part: 2})
	all, err := operations.ListData.Do(t.Context(), n, api.None{}, nil)
	if err != nil || len(all) != 1 || all[0].Part != 2 || len(n.Calls) != 1 {
		t.Errorf("data %+v, %v after %v", all, err, n.Calls)
	}
}
