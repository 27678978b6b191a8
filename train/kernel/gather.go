package kernel

// Gather copies rows of d values: row i of dst is row index[i] of x. While one
// row is copied the next is prefetched, since random rows come from pages that
// are not in the TLB.
func Gather(dst, x []float32, index []int, d int) {
	width := active.width
	for i, from := range index {
		src, to := x[from*d:(from+1)*d], dst[i*d:(i+1)*d]
		whole := d / width
		if active.copyAhead == nil || whole == 0 {
			copy(to, src)
			continue
		}
		next := index[min(i+1, len(index)-1)]
		active.copyAhead(whole, &src[0], &to[0], &x[next*d])
		copy(to[whole*width:], src[whole*width:])
	}
}
