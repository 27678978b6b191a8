package holdings

import (
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// taskPin is the name under which task documents are pinned.
const taskPin = "task"

// PinName is the name under which the sets or models of a task are pinned.
func PinName(subject announce.Subject, task cid.Cid) string {
	return string(subject) + "/" + task.String()
}

// purposes reads the names of pins; of those that follow each other with one name, the
// first alone.
type purposes struct {
	name    string
	task    cid.Cid
	subject announce.Subject
}

// holdingOf reads a pin; ok is false when it is no set or model.
func (r *purposes) holdingOf(p blocks.Pin) (_ Holding, ok bool) {
	if p.Name != r.name || r.name == "" {
		subject, name, _ := strings.Cut(p.Name, "/")
		task, err := cid.Decode(name)
		*r = purposes{p.Name, task, announce.Subject(subject)}
		if err != nil || r.subject != announce.SubjectSet && r.subject != announce.SubjectModel {
			r.subject = ""
		}
	}
	if r.subject == "" {
		return Holding{}, false
	}
	return Holding{Root: p.Root, Task: r.task, Subject: r.subject, Stat: p.Stat}, true
}

// holdingOf reads one pin.
func holdingOf(p blocks.Pin) (Holding, bool) { return (&purposes{}).holdingOf(p) }
