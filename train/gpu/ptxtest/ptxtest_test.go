package ptxtest

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/kernels"
)

// multiply runs the 64 x 64 product of two 64 x 64 matrices by a text of PTX.
func multiply(t *testing.T, text string) ([]float32, error) {
	t.Helper()
	d := New()
	m, err := d.Build(text)
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Kernel("product_nn_64x64")
	if err != nil {
		t.Fatal(err)
	}
	var buffers [4]driver.Buffer
	for i, n := range []int{1, 4096, 4096, 4096} {
		if buffers[i], err = d.Alloc(n); err != nil {
			t.Fatal(err)
		}
	}
	ones := make([]float32, 4096)
	for i := range ones {
		ones[i] = 1
	}
	for _, b := range buffers[1:3] {
		if err := b.Write(0, ones); err != nil {
			t.Fatal(err)
		}
	}
	l := driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1}, Args: []driver.Arg{driver.Pointer(buffers[0])}}
	for _, b := range buffers[1:] {
		l.Args = append(l.Args, driver.Pointer(b), driver.Long(0), driver.Long(0))
	}
	l.Args = append(l.Args, driver.Words(64, 64, 64, 64, 64), driver.Words(64))
	out := make([]float32, 4096)
	if err := d.Launch(l); err != nil {
		return nil, err
	}
	return out, buffers[3].Read(0, out)
}

func TestTheInterpreterMultiplies(t *testing.T) {
	got, err := multiply(t, kernels.PTX("product_nn_64x64"))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != 64 {
			t.Fatalf("value %d is %v", i, v)
		}
	}
}

// change replaces one place of a text, which must be there.
func change(t *testing.T, text, old, new string, nth int) string {
	t.Helper()
	at := 0
	for range nth {
		next := strings.Index(text[at:], old)
		if next < 0 {
			t.Fatalf("the kernel has no %q", old)
		}
		at += next + len(old)
	}
	return text[:at-len(old)] + new + text[at:]
}

func TestPlantedErrorsAreFound(t *testing.T) {
	text := kernels.PTX("product_nn_64x64")
	for _, c := range []struct{ name, old, new, want string }{
		{"a barrier that is missing", "bar.sync \t0;", "mov.u32 %r1, %r1;", "race"},
		{"an address that is not aligned", "ld.global.f32", "ld.global.u64", "not a multiple"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for nth := 1; nth <= 4; nth++ {
				_, err := multiply(t, change(t, text, c.old, c.new, nth))
				if err != nil && strings.Contains(err.Error(), c.want) {
					return
				}
			}
			t.Errorf("no error with %q", c.want)
		})
	}
}

func TestWritesBeyondABufferAreFound(t *testing.T) {
	const text = `
.version 6.3
.target sm_50
.address_size 64
.visible .entry beyond(
	.param .u64 beyond_0
)
.reqntid 256, 1, 1
{
	mov.u32 %r1, %tid.x;
	mul.wide.u32 %rd1, %r1, 4;
	ld.param.u64 %rd2, [beyond_0];
	add.s64 %rd2, %rd2, %rd1;
	st.global.u32 [%rd2], %r1;
	ret;
}
`
	d := New()
	m, err := d.Build(text)
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Kernel("beyond")
	if err != nil {
		t.Fatal(err)
	}
	for n, ok := range map[int]bool{256: true, 255: false} {
		b, err := d.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Launch(driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1}, Args: []driver.Arg{driver.Pointer(b)}})
		if (err == nil) != ok {
			t.Errorf("256 values into a buffer of %d: %v", n, err)
		}
	}
}

func TestTextThatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, line := range []string{"vote.all %p1, %p2;", "ld.const.f32 %f1, [%rd1];", "st.global.f16 [%rd1], %h1;",
		"bra NOWHERE;"} {
		text := ".visible .entry k(\n\t.param .u64 k_0\n)\n{\n\t" + line + "\n\tret;\n}\n"
		if _, err := New().Build(text); err == nil {
			t.Errorf("%s was understood", line)
		}
	}
}
