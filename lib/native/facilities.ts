/** The parts of the addon that only some systems have. */
import type { Binding, EpollBinding, KqueueBinding } from './binding.js';
import { StateError } from './errors.js';
import { native } from './load.js';

/** epoll(7). @throws StateError `ERR_UNSUPPORTED`: this OS has none. */
export function epollBinding(): EpollBinding {
  if (hasEpoll(native)) return native;
  throw new StateError('ERR_UNSUPPORTED', `epoll is not available on ${process.platform}: it is Linux's`);
}

/** kqueue(2). @throws StateError `ERR_UNSUPPORTED`: this OS has none, or the addon was built without. */
export function kqueueBinding(): KqueueBinding {
  if (hasKqueue(native)) return native;
  const remedy =
    process.platform === 'linux' ? ' (build with IOMUX_LIBKQUEUE=1 where libkqueue is installed)' : '';
  throw new StateError(
    'ERR_UNSUPPORTED',
    `kqueue is not available on ${process.platform}: it is that of macOS and the BSDs${remedy}`,
  );
}

function hasEpoll(binding: Binding): binding is Binding & EpollBinding {
  return binding.epollOpen !== undefined;
}

function hasKqueue(binding: Binding): binding is Binding & KqueueBinding {
  return binding.kqueueOpen !== undefined;
}
