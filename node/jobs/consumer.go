package jobs

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// AutoModel means the model that the sets were made for.
const AutoModel = "auto"

// usualModels are the models for sets that name none, or several: the first
// that fits the task's shape is used.
var usualModels = []string{"lenet", "mlp"}

// consumerOf resolves AutoModel: the consumer that all sets name, else the usual
// one. why is one line for the user. Manifests of other nodes may name any
// consumer: one that this program cannot train is ignored.
func consumerOf(task *data.Task, consumers []string) (name, why string) {
	fits := func(name string) bool {
		_, err := model.Parse(name, task.Shape, len(task.Classes))
		return err == nil
	}
	agreed := len(consumers) > 0
	named := 0
	for _, c := range consumers {
		agreed = agreed && c == consumers[0]
		if c != "" {
			named++
		}
	}
	switch {
	case agreed && named > 0 && fits(consumers[0]):
		return consumers[0], "every set was made for it"
	case agreed && named > 0:
		why = fmt.Sprintf("the sets were made for %q, which this program cannot train", consumers[0])
	case named > 0:
		why = "the sets were made for different models"
	default:
		why = "the sets name no model"
	}
	for _, name := range usualModels {
		if fits(name) {
			return name, why
		}
	}
	return usualModels[0], why
}
