package open

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// The sizes that FedD3's split has on real MNIST (fedd3 1.6).
func TestRingSizesOnMNIST(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	ds, err := Path(filepath.Join(dir, "mnist"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ds.Task.Name != "mnist" || len(ds.Test.Labels()) != 10_000 {
		t.Fatalf("recognized as %s with %d test samples", ds.Task.Name, len(ds.Test.Labels()))
	}
	labels := ds.Train.Labels()
	two, _ := data.Split{Kind: data.Ring, Clients: 500, PerClient: 2}.Parts(labels, 10)
	for i, p := range two[:491] {
		if len(p) < 112 || len(p) > 126 {
			t.Errorf("C_k = 2, client %d: %d samples, want 112..126", i, len(p))
		}
	}
	ten, _ := data.Split{Kind: data.Ring, Clients: 500, PerClient: 10}.Parts(labels, 10)
	for i, p := range ten {
		want := 113
		if i == 499 {
			want = 3613
		}
		if len(p) != want {
			t.Errorf("C_k = 10, client %d: %d samples, want %d", i, len(p), want)
		}
	}
}
