package field

import (
	"fmt"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// npz is an archive of arrays under names.
func npz(arrays map[string][]byte) map[string][]byte {
	return map[string][]byte{"d.npz": ft.NPZ(arrays)}
}

// ramp is n values from low in equal steps.
func ramp(n int, low, step float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = low + step*float64(i)
	}
	return out
}

// singles are values divided by white.
func singles(values []float64, white float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v / white)
	}
	return out
}

// Old: one value above 1 made white 255, so that all samples were dark.
func TestFloatsThatOvershootKeepTheirWhite(t *testing.T) {
	images := ramp(32, 0, 1./31)
	with := func(at int, v float64) []float64 {
		out := append([]float64(nil), images...)
		out[at] = v
		return out
	}
	clipped := func(at int, v float64) [][]float32 {
		x := singles(with(at, v), 1)
		return rows(x[:16], x[16:])
	}
	y := ft.Array("<i8", []int{2}, []float64{0, 1})
	set := func(dtype string, values []float64) map[string][]byte {
		return npz(map[string][]byte{"x": ft.Array(dtype, []int{2, 4, 4}, values), "y": y})
	}
	many := make([]float64, 4096)
	for i := range many {
		many[i] = float64(i) / 4095
	}
	many[7] = 1.0009
	walk(t, []fieldCase{
		{name: "one float32 of 1.0000001", files: set("<f4", with(3, 1.0000001)), train: clipped(3, 1), y: []int{0, 1},
			notes: []string{"white"}},
		{name: "one float64 of 1.0005", files: set("<f8", with(31, 1.0005)), train: clipped(31, 1),
			notes: []string{"white", "white-overshoot"}},
		{name: "one of -0.0001", files: set("<f8", with(5, -.0001)), train: clipped(5, 0),
			notes: []string{"white-overshoot"}},
		{name: "bytes as floats, one of 255.0001", files: set("<f4", func() []float64 {
			out := ramp(32, 0, 8)
			out[31], out[30] = 255.0001, 254.5
			return out
		}()), says: "white is 255", train: func() [][]float32 {
			x := singles(ramp(32, 0, 8), 255)
			x[31], x[30] = 1, float32(254.5/255)
			return rows(x[:16], x[16:])
		}()},
		{name: "white asked for", files: set("<f4", with(3, 2)), r: open.Reading{White: 2}, train: func() [][]float32 {
			x := singles(with(3, 2), 2)
			return rows(x[:16], x[16:])
		}()},
		{name: "far above 1 and no bytes", files: set("<f4", with(3, 1.6)), refused: "--white"},
		{name: "a few far above 1", files: npz(map[string][]byte{"x": ft.Array("<f8", []int{1024, 2, 2},
			func() []float64 {
				out := append([]float64(nil), many...)
				out[9] = 1.5
				return out
			}()), "y": ft.Array("<i8", []int{1024}, ramp(1024, 0, 1))}), refused: "--white"},
		{name: "standardized", files: set("<f4", ramp(32, -1.5, .1)), refused: "taken back"},
		{name: "whole numbers up to 16", files: set("<f8", append(ramp(16, 0, 1), append(ramp(15, 0, 1), 16)...)),
			says: "white is 16", train: rows(singles(ramp(16, 0, 1), 16), singles(append(ramp(15, 0, 1), 16), 16))},
		{name: "a table of a task of images", files: csv("0,0.25,0.5,1.0000002,a\n1,0.5,0.25,0,b\n0,0,1,1,a\n"),
			task:  imageTask(data.Shape{C: 1, H: 2, W: 2}, "a", "b"),
			train: rows([]float32{0, .25, .5, 1}, []float32{1, .5, .25, 0}, []float32{0, 0, 1, 1}), y: []int{0, 1, 0}},
	})
}

// Old: python 2's longs, NumPy 2's sizes, version 3 and long doubles were "damaged".
func TestNumPyHeadersOfAllVersionsAreRead(t *testing.T) {
	values := []float64{1, 2.5, -3, 4, 5, 6.25}
	y := ft.Array("|u1", []int{2}, []float64{0, 1})
	want := rows([]float32{1, 2.5, -3}, []float32{4, 5, 6.25})
	header := func(version byte, head string, dtype string) map[string][]byte {
		return npz(map[string][]byte{"x": ft.NumPyHeader(version, head, ft.Raw(dtype, values)), "y": y})
	}
	plain := func(dtype string) map[string][]byte {
		return npz(map[string][]byte{"x": ft.Array(dtype, []int{2, 3}, values), "y": y})
	}
	var cases []fieldCase
	for version := byte(1); version <= 3; version++ {
		cases = append(cases, fieldCase{name: fmt.Sprint("version ", version), files: header(version,
			"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", "<f8"), train: want, y: []int{0, 1}})
	}
	for name, head := range map[string]string{
		"python 2":      "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }",
		"NumPy 2":       "{'descr': '<f8', 'fortran_order': False, 'shape': (np.int64(2), np.int64(3)), }",
		"another order": "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f8'}",
		"quoted twice":  `{"descr": "<f8", "fortran_order": False, "shape": (2, 3), }`,
		"native":        "{'descr': '=f8', 'fortran_order': False, 'shape': (2, 3), }",
		"unicode keys":  "{u'descr': u'<f8', u'fortran_order': False, u'shape': (2, 3), }",
	} {
		cases = append(cases, fieldCase{name: name, files: header(1, head, "<f8"), train: want, y: []int{0, 1}})
	}
	for _, dtype := range []string{"<f4", ">f4", "<f8", ">f8", "<f12", "<f16", "<q16", ">q16", ">f16"} {
		cases = append(cases, fieldCase{name: "type " + dtype, files: plain(dtype), train: want, y: []int{0, 1}})
	}
	dirty := ft.Raw("<f16", values)
	for i := 10; i < len(dirty); i += 16 {
		copy(dirty[i:], []byte{1, 2, 0xfe, byte(i), 0xff, 0x3f})
	}
	cases = append(cases,
		fieldCase{name: "Fortran order", files: npz(map[string][]byte{"x": ft.NumPy("<f8", true, "(2, 3)", ft.Raw("<f8",
			ft.FortranOrder(values, []int{2, 3}))), "y": y}), train: want},
		fieldCase{name: "x87 with odd bytes that fill up",
			files: npz(map[string][]byte{"x": ft.NumPy("<f16", false, "(2, 3)", dirty), "y": y}), train: want},
		fieldCase{name: "version 9", files: header(9, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }",
			"<f8"), refused: "version 9"},
		fieldCase{name: "records", files: header(1,
			"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 3), }", "<f8"), refused: "as CSV"},
		fieldCase{name: "complex", files: header(1, "{'descr': '<c16', 'fortran_order': False, 'shape': (2, 3), }",
			"<f8"), refused: "<c16"},
		fieldCase{name: "a number that is none", files: npz(map[string][]byte{"x": ft.Array("<f8", []int{2, 3},
			[]float64{1, 2, math.NaN(), 4, 5, 6}), "y": y}), refused: "no finite number"},
	)
	walk(t, cases)
}

// Old: the floats were rounded to single precision before they were standardized.
func TestTimestampsOfOneMinuteStayApart(t *testing.T) {
	stamps := func(format string) string {
		text := "t,v,label\n"
		for i := range 20 {
			text += fmt.Sprintf(format+",%d,%c\n", 1.7e9+float64(3*i), 2+i%5, 'a'+i/10)
		}
		return text
	}
	xs := ramp(40, 0, 0)
	for i := range 20 {
		xs[2*i], xs[2*i+1] = 1.7e9+float64(3*i), float64(2+i%5)
	}
	y := ft.Array("<i8", []int{20}, append(make([]float64, 10), ramp(10, 1, 0)...))
	cases := []struct {
		name  string
		files map[string][]byte
	}{
		{"seconds", csv(stamps("%.0f"))}, {"seconds as floats", csv(stamps("%.3f"))}, {"in powers of ten",
			csv(stamps("%.10e"))},
		{"float64 arrays", npz(map[string][]byte{"x": ft.Array("<f8", []int{20, 2}, xs), "y": y})},
		{"int64 arrays", npz(map[string][]byte{"x": ft.Array("<i8", []int{20, 2}, xs), "y": y})},
		{"a MATLAB file", map[string][]byte{"d.mat": ft.Mat(ft.Matrix{Name: "X", Dims: []int{20, 2}, Values: xs},
			ft.Matrix{Name: "y", Dims: []int{20, 1}, Values: append(make([]float64, 10), ramp(10, 1, 0)...)})}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			one := fieldCase{files: c.files, measured: true}
			ds, err := one.open(t)
			if err != nil {
				t.Fatal(err, hintOf(err))
			}
			s, err := data.LoadAll(ds.Task, ds.Train)
			if err != nil {
				t.Fatal(err)
			}
			for i := 1; i < 20; i++ {
				step := float64(s.Row(i)[0] - s.Row(i - 1)[0])
				if want := 3 / ds.Task.Std[0]; math.Abs(step-want) > .01*want {
					t.Fatalf("step %d is %v in task space, want %v (std %v)", i, step, want, ds.Task.Std[0])
				}
			}
		})
	}
}
