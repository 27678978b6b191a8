package scores

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

func v(mean, std float64, n int) *Value { return &Value{mean, std, n} }

// row is what was measured of a set of an LRS; nothing here knows its formula.
func row(model string, lrs float64) Row {
	return Row{Model: model, AccReal: v(0.9, 0.01, 3), AccSynHard: v(0.5, 0, 1), AccSynOwn: v(0.5, 0, 1),
		AccRandomOwn: v(0.25, 0.02, 5), HLR: v(0.4, 0, 1), IOR: v(0.25, 0.02, 5), LRS: v(lrs, 0.01, 5)}
}

func good() *Score {
	return &Score{Recipe: json.RawMessage(`{"name":"dsa"}`), Trials: 5, References: 3, Epochs: 20, Engine: "cpu/avx2",
		Data: "glyph-digits", Train: 9000, Validation: 1000, Test: 2000, Print: "00ff", Rows: []Row{row("ntk:1", 0.24)}}
}

func encoded(t testing.TB, s *Score) []byte {
	t.Helper()
	body, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestAScoreComesBackAsItWasWritten(t *testing.T) {
	s := good()
	s.Rows = append(s.Rows, row("lenet", 0.3))
	s.Rows[1].ARS = v(0.25, 0.001, 5)
	got, err := Decode(Schema, encoded(t, s))
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v; want %+v", got, err, s)
	}
	full := good()
	for range MaxRows - 1 {
		full.Rows = append(full.Rows, full.Rows[0])
		full.Rows[len(full.Rows)-1].Model = strings.Repeat("m", len(full.Rows))
	}
	for i := range full.Rows {
		for _, at := range full.Rows[i].values() {
			if *at.value == nil {
				*at.value = v(0.5, 0.25, 5)
			}
		}
	}
	full.Recipe = json.RawMessage(`"` + strings.Repeat("r", 500) + `"`)
	if body := encoded(t, full); len(body) > maxBody {
		t.Errorf("four models take %d bytes", len(body))
	}
}

// refusals change a good score into one that is refused.
var refusals = map[string]func(*Score){
	"an accuracy that is NaN":          func(s *Score) { s.Rows[0].AccSynAug = v(math.NaN(), 0, 1) },
	"an infinite deviation":            func(s *Score) { s.Rows[0].LRS.Std = math.Inf(1) },
	"an accuracy in percent":           func(s *Score) { s.Rows[0].AccRandomBytes = v(25, 0, 1) },
	"a difference below -1":            func(s *Score) { s.Rows[0].HLR.Mean = -1.5 },
	"a score below 0":                  func(s *Score) { s.Rows[0].LRS.Mean = -0.1 },
	"a negative deviation":             func(s *Score) { s.Rows[0].IOR.Std = -0.01 },
	"a deviation above the range":      func(s *Score) { s.Rows[0].LRS.Std = 1.5 },
	"a value of no runs":               func(s *Score) { s.Rows[0].LRS.N = 0 },
	"a value of 101 runs":              func(s *Score) { s.Rows[0].LRS.N = 101 },
	"a deviation of one run":           func(s *Score) { s.Rows[0].HLR.Std = 0.1 },
	"HLR that does not follow":         func(s *Score) { s.Rows[0].HLR.Mean = 0.1 },
	"IOR that does not follow":         func(s *Score) { s.Rows[0].IOR.Mean = 0.75 },
	"no LRS":                           func(s *Score) { s.Rows[0].LRS = nil },
	"HLR without the accuracy of all":  func(s *Score) { s.Rows[0].AccReal = nil },
	"IOR without the accuracy of none": func(s *Score) { s.Rows[0].AccRandomOwn = nil },
	"no model":                         func(s *Score) { s.Rows[0].Model = "" },
	"a model that acts on a terminal":  func(s *Score) { s.Rows[0].Model = "\x1b[2J" },
	"a model twice":                    func(s *Score) { s.Rows = append(s.Rows, s.Rows[0]) },
	"no rows":                          func(s *Score) { s.Rows = nil },
	"no trials":                        func(s *Score) { s.Trials = 0 },
	"101 trials":                       func(s *Score) { s.Trials = 101 },
	"references without end":           func(s *Score) { s.References = math.MaxInt32 },
	"a training without end":           func(s *Score) { s.Epochs = 1 << 30 },
	"no test samples":                  func(s *Score) { s.Test = -1 },
	"no engine":                        func(s *Score) { s.Engine = "" },
	"data without a name":              func(s *Score) { s.Data = "" },
	"a recipe that is no JSON":         func(s *Score) { s.Recipe = json.RawMessage(`{"name":`) },
	"an endless recipe": func(s *Score) {
		s.Recipe = json.RawMessage(`"` + strings.Repeat("r", 1024) + `"`)
	},
}

func TestAScoreThatNoMeasurementGivesIsNeitherSentNorRead(t *testing.T) {
	for name, change := range refusals {
		s := good()
		change(s)
		if _, err := s.Encode(); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: written, %v", name, err)
		}
	}
	body := encoded(t, good())
	for name, damage := range map[string]func([]byte) []byte{
		"NaN in the bytes": func(b []byte) []byte { return replaced(b, 0.24, math.NaN()) },
		"infinity":         func(b []byte) []byte { return replaced(b, 0.24, math.Inf(-1)) },
		"percent":          func(b []byte) []byte { return replaced(b, 0.24, 24) },
		"half a run":       func(b []byte) []byte { return replaced(b, 5, 4.5) },
		"too many runs":    func(b []byte) []byte { return replaced(b, 5, 1e300) },
		"its end cut off":  func(b []byte) []byte { return b[:len(b)-1] },
		"too many bytes":   func(b []byte) []byte { return append(b, make([]byte, maxBody)...) },
	} {
		damaged := damage(bytes.Clone(body))
		if bytes.Equal(damaged, body) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if s, err := Decode(Schema, damaged); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: read as %+v, %v", name, s, err)
		}
	}
	if _, err := Decode("score/2", body); !errors.Is(err, ErrRefused) {
		t.Errorf("another schema: %v", err)
	}
}

// replaced puts one number in place of another.
func replaced(b []byte, old, with float64) []byte {
	bits := func(f float64) []byte { return binary.BigEndian.AppendUint64(nil, math.Float64bits(f)) }
	return bytes.Replace(b, bits(old), bits(with), 1)
}

// A later version may say more.
func TestAScoreIsReadWithFieldsOfLaterVersions(t *testing.T) {
	f, err := wire.Decode(encoded(t, good()))
	if err != nil {
		t.Fatal(err)
	}
	m := wire.Map{KeepZeros: true}
	s := good()
	m.String("recipe", string(s.Recipe))
	for _, n := range s.numbers() {
		m.Int(n.name, f.Int(n.name))
	}
	for _, w := range s.words() {
		m.String(w.name, *w.value)
	}
	one := &wire.Map{}
	one.String("model", "ntk:1")
	one.Strings("later", []string{"x"})
	for _, at := range s.Rows[0].values() {
		if val := *at.value; val != nil {
			one.Floats(at.name, []float64{val.Mean, val.Std, float64(val.N)})
		}
	}
	m.Maps("rows", []*wire.Map{one})
	m.Int("later", 7)
	body, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(Schema, body); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAScoreFollowsFromItsDifferences(t *testing.T) {
	square := func(a, b float64) (float64, error) { return (a + b) * (a + b) / 4, nil } // second derivative 2
	for name, tt := range map[string]struct {
		is   float64
		std  float64
		want bool
	}{
		"exactly":                        {0.25, 0, true},
		"within rounding":                {0.25 + 1e-7, 0, true},
		"above":                          {0.26, 0, false},
		"below":                          {0.24, 0, false},
		"above, as its runs scatter":     {0.25 + 0.2*0.2 - 1e-9, 0.2, true},
		"further above than they do":     {0.25 + 0.2*0.2 + 1e-3, 0.2, false},
		"below, which no scatter allows": {0.24, 0.2, false},
	} {
		err := Follows(Value{tt.is, 0, 5}, Value{0.5, tt.std, 5}, Value{0.5, tt.std, 5}, square, 2)
		if (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := func(a, b float64) (float64, error) { return 0, errors.New("none") }
	if err := Follows(Value{}, Value{}, Value{}, none, 2); !errors.Is(err, ErrRefused) {
		t.Errorf("differences that have no score: %v", err)
	}
}

func FuzzScore(f *testing.F) {
	f.Add(encoded(f, good()))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Decode(Schema, body)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatalf("%+v cannot be written again: %v", s, err)
		}
		if same, err := Decode(Schema, again); err != nil || !reflect.DeepEqual(same, s) {
			t.Errorf("%+v becomes %+v, %v", s, same, err)
		}
		if _, differs := Worst(Compare(s.Rows[0], s.Rows[0])); differs {
			t.Error("a score differs from itself")
		}
	})
}
