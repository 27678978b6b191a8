package tape

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestTheEngineDoesWhatAnEngineMust(t *testing.T) {
	enginetest.Run(t, func() graph.Engine { return Engine{} })
}
