package ranking

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/node/nodetest"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
)

// held is a node with two sets of a built-in task, and their CIDs.
func held(t *testing.T) (*nodetest.Node, []string, artifact.Files) {
	t.Helper()
	n, err := nodetest.New()
	if err != nil {
		t.Fatal(err)
	}
	task := data.WellKnownTask("mnist")
	var out []string
	var files artifact.Files
	for seed := range uint64(2) {
		made, err := artifact.Make(t.Context(), artifact.Request{Task: task, Method: coreset.Random{}, Pixels: artifact.U8,
			Bare: true, Request: distill.Request{IPC: 1, Seed: seed,
				Samples: distilltest.Samples(task.Shape, len(task.Classes), []int{1, 2}, 5)}})
		if err != nil {
			t.Fatal(err)
		}
		info, err := operations.AddSet.Do(t.Context(), n, operations.AddSetRequest{Task: "mnist"}, made.Files, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, files = append(out, info.CID), made.Files
	}
	return n, out, files
}

func TestSetsAreFoundByCIDByTaskAndInFolders(t *testing.T) {
	n, cids, files := held(t)
	byName, task, err := Held(t.Context(), n, cids)
	if err != nil || len(byName) != 2 || byName[1].Name != cids[1] || byName[0].Bytes[0] <= 0 {
		t.Fatalf("%+v, %v", byName, err)
	}
	ofTask, same, err := OfTask(t.Context(), n, task.CID)
	if err != nil || same.CID != task.CID || len(ofTask) != 2 {
		t.Errorf("%+v of %s, %v", ofTask, same.CID, err)
	}
	both := Together(byName)
	if len(both.Sets) != 2 || both.Bytes[0]+both.Bytes[1] != byName[0].Bytes[0]+byName[1].Bytes[0] {
		t.Errorf("together %+v", both)
	}
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wellKnown := data.WellKnownTask("mnist")
	c, err := Folder(dir, wellKnown)
	if err != nil || c.Name != dir || c.Bytes[0] != byName[1].Bytes[0] || c.Method != "random" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := Folder(t.TempDir(), wellKnown); err == nil {
		t.Error("an empty folder is a set")
	}
}

func TestScoresNeedDataWithATestPart(t *testing.T) {
	n, cids, _ := held(t)
	_, task, err := Held(t.Context(), n, cids[:1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Data(t.Context(), n, task.CID); err == nil {
		t.Error("data were found where none are registered")
	}
}
