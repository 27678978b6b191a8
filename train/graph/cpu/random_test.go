package cpu

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestRandomProgramsComputeTheirReferences(t *testing.T) {
	e := New(2)
	defer e.Close()
	for _, test := range enginetest.Random(150) {
		if err := test.Run(e); err != nil {
			t.Fatalf("%s: %v", test.Name, err)
		}
	}
}
