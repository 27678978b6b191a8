package study

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
)

// SchemaVersion is the version of the document.
const SchemaVersion = 1

// Document is a study's result.
type Document struct {
	SchemaVersion int        `json:"schema_version"`
	Data          string     `json:"data"`
	Task          string     `json:"task"` // CID
	Classes       []string   `json:"classes"`
	Train         int        `json:"train_samples"` // of all clients
	Test          int        `json:"test_samples"`
	Split         data.Split `json:"split"` // of seed 0; seed n adds n to its seed
	// Holdings is how many samples of each class each client holds, at seed 0.
	Holdings  [][]int   `json:"clients_hold"`
	IPC       int       `json:"ipc"`
	Usual     bool      `json:"usual_budget,omitempty"` // images learned as a code take what distill takes unasked
	Budget    int64     `json:"budget,omitempty"`       // bytes of a client's set: these decide the images in place of ipc
	Pixels    string    `json:"pixels"`
	Formation int       `json:"formation,omitempty"` // asked for; 0 for each method's own
	Steps     int       `json:"steps,omitempty"`     // asked for; 0 for what sets recommend
	Seeds     int       `json:"seeds"`
	Auto      string    `json:"auto_chose,omitempty"` // the method that auto stands for, with why
	Engine    string    `json:"engine"`               // instruction set: results may differ between them
	Rows      []Row     `json:"rows"`
	Summary   []Summary `json:"summary"`
}

// Row is one run: one method, one consumer, one seed. All but seconds and
// memory is the same whenever the study is run again.
type Row struct {
	Method   string            `json:"method"`
	Consumer string            `json:"consumer"`
	Seed     int               `json:"seed"`
	Clients  int               `json:"clients"`
	Images   int               `json:"images"`            // stored, of all clients; with All the samples
	Samples  int               `json:"samples,omitempty"` // trained on, when a stored image holds several
	Bytes    federated.Traffic `json:"bytes"`             // moved: whole written sets, or models and what goes with them
	Payload  *Payload          `json:"payload,omitempty"` // of sets
	// Control is the method of the rows that this one is to be compared with:
	// random real images of the same number, bytes, formation, labels and recipe.
	Control string `json:"control,omitempty"`
	// DistillSteps is the median over clients of the steps a method took.
	DistillSteps int      `json:"distill_steps,omitempty"`
	NearestReal  *float64 `json:"nearest_real,omitempty"` // the smallest of all sets; 0 is a copy
	// Warnings are what the method said of its distillations, each once.
	Warnings []string `json:"warnings,omitempty"`
	// Sets is the folder in the study's own that holds a folder per client.
	Sets    string  `json:"sets,omitempty"`
	Seconds float64 `json:"seconds"` // distilling, all clients one after the other, and training
	trial.Result
}

// Payload is the size of the images of sets in bytes, counted in three ways.
type Payload struct {
	Data      int64 `json:"data"`        // the tensors as written
	Images8   int64 `json:"images_8bit"` // one byte per value, as fedd3 2.3 counts
	ImagesF32 int64 `json:"images_fp32"` // four
}

// Summary is the runs of one method and one consumer.
type Summary struct {
	Method       string          `json:"method"`
	Consumer     string          `json:"consumer"`
	Accuracy     trial.Spread    `json:"accuracy"`
	BestAccuracy trial.Spread    `json:"best_accuracy"`
	MinusRandom  *trial.Interval `json:"minus_random"` // null where nothing is comparable
	Control      string          `json:"control,omitempty"`
	Images       int             `json:"images"`   // mean, rounded
	BytesUp      int64           `json:"bytes_up"` // mean
	BytesDown    int64           `json:"bytes_down"`
	Payload      *Payload        `json:"payload,omitempty"` // mean
	GCE          *float64        `json:"gce_proposal"`      // null at accuracy 1
	Seconds      float64         `json:"seconds"`           // mean
	PeakRSS      float64         `json:"peak_rss_mib"`      // largest
}

// GCE is our measure of accuracy against volume (fedd3 2.3, not checked against
// the paper):
//
//	1 / ((1 - accuracy)^gamma log2(V + 1)), V uplink bits
//
// nil at accuracy 1.
func GCE(accuracy float64, bytesUp int64, gamma float64) *float64 {
	if accuracy >= 1 || bytesUp <= 0 {
		return nil
	}
	v := 1 / (math.Pow(1-accuracy, gamma) * math.Log2(8*float64(bytesUp)+1))
	return &v
}

// gceGamma is the exponent in documents.
const gceGamma = 1

// summarize puts the rows of each method and consumer together, in the order of
// their first rows.
func summarize(rows []Row) []Summary {
	type key struct{ method, consumer string }
	groups, order := map[key][]Row{}, []key{}
	for _, r := range rows {
		k := key{r.Method, r.Consumer}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	out := []Summary{}
	for _, k := range order {
		group := groups[k]
		s := Summary{Method: k.method, Consumer: k.consumer, Control: group[0].Control}
		var accuracy, best, difference []float64
		var payload Payload
		images := 0.0
		for _, r := range group {
			accuracy, best = append(accuracy, r.Accuracy), append(best, r.BestAccuracy)
			images += float64(r.Images) / float64(len(group))
			s.BytesUp, s.BytesDown = s.BytesUp+r.Bytes.Up, s.BytesDown+r.Bytes.Down
			s.Seconds, s.PeakRSS = s.Seconds+r.Seconds, math.Max(s.PeakRSS, r.PeakRSS)
			if r.Payload != nil {
				payload.Data += r.Payload.Data
				payload.Images8 += r.Payload.Images8
				payload.ImagesF32 += r.Payload.ImagesF32
			}
			control := groups[key{r.Control, r.Consumer}]
			if i := slices.IndexFunc(control, func(c Row) bool { return c.Seed == r.Seed }); r.Control != "" && i >= 0 {
				difference = append(difference, r.Accuracy-control[i].Accuracy)
			}
		}
		n := int64(len(group))
		s.Images = int(math.Round(images))
		s.Accuracy, s.BestAccuracy, s.MinusRandom = trial.SpreadOf(accuracy), trial.SpreadOf(best), trial.Paired(difference)
		s.BytesUp, s.BytesDown, s.Seconds = s.BytesUp/n, s.BytesDown/n, s.Seconds/float64(n)
		if group[0].Payload != nil {
			s.Payload = &Payload{payload.Data / n, payload.Images8 / n, payload.ImagesF32 / n}
		}
		s.GCE = GCE(s.Accuracy.Mean, s.BytesUp, gceGamma)
		out = append(out, s)
	}
	return out
}

// JSON is the document as the study's folder keeps it and --json prints it.
func (d *Document) JSON() ([]byte, error) {
	doc, err := json.MarshalIndent(d, "", "  ")
	return append(doc, '\n'), err
}

// Minus is the accuracy of one method less that of another on the same
// consumer, paired by seed; nil when they share none.
func (d *Document) Minus(consumer, method, other string) *trial.Interval {
	var difference []float64
	for _, r := range d.Rows {
		if r.Method != method || r.Consumer != consumer {
			continue
		}
		for _, o := range d.Rows {
			if o.Method == other && o.Consumer == consumer && o.Seed == r.Seed {
				difference = append(difference, r.Accuracy-o.Accuracy)
			}
		}
	}
	return trial.Paired(difference)
}

// WithoutTimes is the document with every field cleared that may differ when
// the same study is run again.
func (d Document) WithoutTimes() Document {
	d.Rows, d.Summary = slices.Clone(d.Rows), slices.Clone(d.Summary)
	for i := range d.Rows {
		d.Rows[i].Seconds, d.Rows[i].TrainSeconds, d.Rows[i].PeakRSS = 0, 0, 0
	}
	for i := range d.Summary {
		d.Summary[i].Seconds, d.Summary[i].PeakRSS = 0, 0
	}
	return d
}
