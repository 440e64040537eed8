/** A double of @openedx/frontend-base: the names that the widget of the instructor dashboard uses. */
import axios from 'axios';

export const WidgetOperationTypes = { APPEND: 'widgetAppend' };

export const siteConfig = { lmsBaseUrl: '' };

export const getSiteConfig = () => siteConfig;

// Each call makes another client: the widget must not ask again because of that.
export const getAuthenticatedHttpClient = () => axios.create({ withCredentials: true });
