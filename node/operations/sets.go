package operations

import (
	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/scores"
)

// SetInfo is a set as lists show it: what is known here, announced, or both.
type SetInfo struct {
	CID          string   `json:"cid"`
	Task         string   `json:"task"` // CID
	TaskName     string   `json:"task_name"`
	Bytes        int64    `json:"bytes"` // of the whole DAG
	Blocks       int64    `json:"blocks"`
	Method       string   `json:"method"`
	Images       int      `json:"images"`
	Counts       []int    `json:"counts"`
	Consumer     string   `json:"consumer,omitempty"`
	ContainsReal bool     `json:"contains_real"`
	Origin       string   `json:"origin,omitempty"` // local data it was made from
	Here         bool     `json:"here"`             // complete in the local store
	Published    bool     `json:"published"`        // announced by this node
	Signers      []string `json:"signers"`          // who offer it, by id
	Holders      []string `json:"holders"`          // all that announced that they have it
	// Scores is what is known of how good it is; nil for nothing.
	Scores *scores.Known `json:"scores,omitempty"`
}

// SetQuery selects sets.
type SetQuery struct {
	Task   string `json:"task,omitempty"`   // name, CID or prefix; empty for all
	Remote bool   `json:"remote,omitempty"` // announced on the mesh, instead of here
}

// AddSetRequest hands a set to the node's store.
type AddSetRequest struct {
	Task   string `json:"task"`   // CID
	Origin string `json:"origin"` // registered data it was made of
}

// PublishRequest announces something that is here.
type PublishRequest struct {
	CID       string `json:"cid"`
	AllowReal bool   `json:"allow_real,omitempty"`
	DryRun    bool   `json:"dry_run,omitempty"` // check alone
}

// MayLeave is why a set is not published unless AllowReal is set; nil when it is.
func MayLeave(m artifact.Manifest) error {
	const hint = "look at it with 'publish --dry-run'; publish it all the same with --allow-real"
	switch {
	case m.ContainsReal:
		return api.Fail(api.CodeRefused, hint, "the set holds real samples (%s is below 0.5)", m.Nearness())
	case m.SmallestGroup > 0 && m.SmallestGroup < distill.LeastGroup:
		return api.Fail(api.CodeRefused, hint, "an image of the set averages %d real samples, fewer than %d",
			m.SmallestGroup, distill.LeastGroup)
	}
	return nil
}

// Published says what was announced, or would be.
type Published struct {
	Set       SetInfo `json:"set"`
	Announced bool    `json:"announced"` // false: at the next run
	Bytes     int64   `json:"bytes"`
}

// ModelInfo is a model as lists show it.
type ModelInfo struct {
	CID      string                `json:"cid"`
	Task     string                `json:"task"`
	TaskName string                `json:"task_name"`
	Model    string                `json:"model"`
	Bytes    int64                 `json:"bytes"`
	Sets     int                   `json:"sets"`
	Samples  int                   `json:"samples,omitempty"`
	Accuracy *artifact.Measurement `json:"accuracy,omitempty"`
	Here     bool                  `json:"here"`
	Signer   string                `json:"signer,omitempty"`
}

// AddModelRequest hands a trained model to the node.
type AddModelRequest struct {
	Task    string `json:"task"`
	Publish bool   `json:"publish"`
}

// Content describes the files of a set or model.
type Content struct {
	CID     string `json:"cid"`
	Task    string `json:"task"`
	Subject string `json:"subject"` // set or model
	Origin  string `json:"origin,omitempty"`
}

// Fetched is the result of a fetch.
type Fetched struct {
	CID     string   `json:"cid"`
	Bytes   int64    `json:"bytes"`   // of the whole DAG
	Fetched int64    `json:"fetched"` // of those, fetched over the network
	From    []string `json:"from"`
	Here    bool     `json:"here"` // it was here already
}

// GatherRequest asks for the sets of a task.
type GatherRequest struct {
	Task        string   `json:"task"`
	BudgetBytes int64    `json:"budget_bytes,omitempty"` // of all sets together; 0 for no bound
	From        []string `json:"from,omitempty"`         // only sets offered by these node ids
	Explain     bool     `json:"explain,omitempty"`      // choose, but fetch nothing
	MinScore    float64  `json:"min_score,omitempty"`    // only sets whose LRS is known to be so large; 0 for all
	ByScore     bool     `json:"by_score,omitempty"`     // the largest LRS first
}

// Choice is one set with the reason why it was chosen or not.
type Choice struct {
	Set   SetInfo `json:"set"`
	Taken bool    `json:"taken"`
	Why   string  `json:"why"`
	Error string  `json:"error,omitempty"` // why it could not be fetched
}

// Gathered is the outcome: what was chosen, in order, and what is here now.
type Gathered struct {
	Task    string   `json:"task"`
	Choices []Choice `json:"choices"`
	Sets    []string `json:"sets"`    // CIDs here now, ready to train on
	Bytes   int64    `json:"bytes"`   // of those
	Fetched int64    `json:"fetched"` // over the network, just now
}
