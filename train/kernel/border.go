package kernel

// Border adds a margin of one value around maps, or removes it.
type Border struct {
	h, w, pad int
	value     float32
	away      bool
}

// NewPad prepares maps of h x w values that become (h+2pad) x (w+2pad), with
// value in the margin.
func NewPad(h, w, pad int, value float32) *Border {
	return &Border{h: h, w: w, pad: pad, value: value}
}

// NewCrop prepares the reverse, to h x w.
func NewCrop(h, w, pad int) *Border {
	return &Border{h: h, w: w, pad: pad, away: true}
}

// sizes are the values of a map without and with its margin.
func (k *Border) sizes() (small, large int) { return k.h * k.w, (k.h + 2*k.pad) * (k.w + 2*k.pad) }

// Maps does several maps: out from x.
func (k *Border) Maps(maps int, x, out []float32) {
	small, large := k.sizes()
	wide := k.w + 2*k.pad
	if !k.away {
		fill(out[:maps*large], k.value)
	}
	for m := range maps {
		for i := range k.h {
			inner, outer := m*small+i*k.w, m*large+(i+k.pad)*wide+k.pad
			if k.away {
				copy(out[inner:inner+k.w], x[outer:])
			} else {
				copy(out[outer:outer+k.w], x[inner:])
			}
		}
	}
}
