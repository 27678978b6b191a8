package jobs

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestAutoTakesTheModelThatAllSetsName(t *testing.T) {
	mnist := data.WellKnownTask("mnist")
	table := &data.Task{Version: 1, Name: "iris", Classes: []string{"a", "b", "c"}, Shape: data.Shape{C: 1, H: 1, W: 4}}
	for _, c := range []struct {
		task      *data.Task
		consumers []string
		want, why string
	}{
		{mnist, []string{"ntk:1", "ntk:1"}, "ntk:1", "every set"},
		{mnist, []string{"ntk:1", "ntk:4"}, "lenet", "different"},
		{mnist, []string{"ntk:1", ""}, "lenet", "different"},
		{mnist, []string{"", ""}, "lenet", "name no model"},
		{mnist, nil, "lenet", "name no model"},
		{mnist, []string{"ntk:99999"}, "lenet", "cannot train"},
		{table, []string{"lenet"}, "mlp", "cannot train"},
		{table, []string{""}, "mlp", "name no model"},
	} {
		if got, why := consumerOf(c.task, c.consumers); got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s, %q: %s because %s, want %s because ...%s", c.task.Name, c.consumers, got, why, c.want, c.why)
		}
	}
}
